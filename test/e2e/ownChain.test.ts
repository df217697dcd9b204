import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openNode } from '../chains/node.ts';
import { rpcUrl } from '../support/testServers.ts';
import { call, type Dev, newDataDir, npmRunDev, type Ready, readyLine } from './devProcess.ts';

const ETH = 10n ** 18n;
const OUTSIDE = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';

const dir = newDataDir();
let dev: Dev;
let ready: Ready;
let url: string;

beforeAll(async () => {
  url = await rpcUrl();
  dev = npmRunDev(dir, { CHAIN_RPC_URL: url });
  ready = await readyLine(dev);
});
afterAll(async () => {
  dev.npm.kill('SIGTERM');
  await dev.ended;
  rmSync(dir, { recursive: true, force: true });
});

const settled = async (wallet: string) => {
  const { body } = await call(ready, 'GET', `/v1/wallets/${encodeURIComponent(wallet)}/balance`);
  return body.settled;
};

test('what the hot wallet has on a chain of one’s own is booked when it has to pay', async () => {
  const node = openNode(url);
  const asset = { code: 'ETH', scale: 18, chain: 'eip155:31337', confirmations: 1, final: 1 };
  expect((await call(ready, 'POST', '/v1/assets', asset)).status).toBe(201);
  await call(ready, 'POST', '/v1/wallets', { id: 'ann', owner: 'ann', asset: 'ETH' });
  const { body: given } = await call(ready, 'POST', '/v1/deposit-addresses', { wallet: 'ann' });
  await node.send({ to: String(given.address), wei: 3n * ETH });
  await expect.poll(() => settled('ann')).toBe('3');
  expect(await settled('treasury:ETH'), 'nothing is booked by itself').toBe('0');

  const asked = { wallet: 'ann', amount: '1', destination: OUTSIDE };
  const { body: withdrawal } = await call(ready, 'POST', '/v1/withdrawals', asked, 'first');
  const path = `/v1/transfers/${encodeURIComponent(String(withdrawal.id))}`;
  const status = async () => (await call(ready, 'GET', path)).body.status;
  await expect.poll(status).toBe('SETTLED');
  expect(Number(await settled('treasury:ETH'))).toBeGreaterThan(9_000);
  const { body: books } = await call(ready, 'GET', '/v1/reconciliation');
  expect(books).toMatchObject({ chain: [{ asset: 'ETH', drift: '0' }] });
});

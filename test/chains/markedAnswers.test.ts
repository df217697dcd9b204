/**
 * Services that begin their JSON with a byte order mark, as some write all of their text, and one
 * whose words no column holds.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, expect, it } from 'vitest';
import { createHttpCustodian } from '../../src/custody/httpCustodian.ts';
import { createRiskCheck } from '../../src/withdrawals/riskCheck.ts';
import { atFileEnd } from '../support/borrow.ts';

const TOKEN = 'a token of the tests';
const PAYMENT = { id: 'withdrawal:shop:1', asset: 'ETH', amount: '1', destination: '0x1' };

let url: string;

beforeAll(async () => {
  const word = { externalId: PAYMENT.id, reference: 'c-1', status: 'pending' };
  const said = { ...word, txid: null, detail: 'a\u0000b', verdict: 'review' };
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(`\ufeff${JSON.stringify(said)}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atFileEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

it('are understood all the same', async () => {
  const ask = createRiskCheck({ url, secret: TOKEN, timeoutMs: 10_000 });
  const verdict = await ask({
    ...PAYMENT,
    client: 'shop',
    wallet: 'w',
    walletKind: 'user',
    owner: 'o',
    chain: null,
    fee: null,
    riskMeta: null,
    metadata: {},
    createdAt: '2026-01-01T00:00:00.000000Z',
  });
  expect(verdict).toMatchObject({ verdict: 'review' });
  const custodian = createHttpCustodian({ url, token: TOKEN, timeoutMs: 10_000 });
  expect(await custodian.find(PAYMENT)).toMatchObject({ reference: 'c-1', detail: 'ab' });
});

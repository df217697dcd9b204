/**
 * Services that begin their JSON with a byte order mark, as some write all of their text, and one
 * whose words no column holds.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { MAX_REASON_LENGTH } from '../../src/contracts/texts.ts';
import { createHttpCustodian } from '../../src/custody/httpCustodian.ts';
import { createRiskCheck } from '../../src/withdrawals/riskCheck.ts';
import { atFileEnd } from '../support/borrow.ts';

const TOKEN = 'a token of the tests';
const PAYMENT = { id: 'withdrawal:shop:1', asset: 'ETH', amount: '1', destination: '0x1' };

const WORD = {
  externalId: PAYMENT.id,
  reference: 'c-1',
  status: 'pending',
  txid: null,
  detail: 'a\u0000b',
  verdict: 'review',
};

let url: string;
let status: number;
let said: object;

beforeAll(async () => {
  const server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`\ufeff${JSON.stringify(said)}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atFileEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

beforeEach(() => {
  [status, said] = [200, WORD];
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

it.each([
  ['with an id of its own', { reference: 'c\u0000' }, 'not in its own words'],
  ['about another one', { externalId: `x\u0000${'y'.repeat(9_000)}` }, 'about xyyy'],
  [
    'of another asset',
    { asset: `U\u0000${'S'.repeat(9_000)}` },
    'payment under this id: asset USSS',
  ],
])('tell nothing that no column holds, %s', async (_, change, told) => {
  said = { ...WORD, ...change };
  const custodian = createHttpCustodian({ url, token: TOKEN, timeoutMs: 10_000 });
  const { message } = (await custodian.find(PAYMENT).catch((error) => error)) as Error;
  expect(message).toContain(told);
  expect(message.length).toBeLessThanOrEqual(MAX_REASON_LENGTH);
  expect(message).not.toContain('\u0000');
});

it('refuse at length, and are told in short', async () => {
  [status, said] = [422, { code: 'REJECTED', detail: 'no '.repeat(1_000) }];
  const custodian = createHttpCustodian({ url, token: TOKEN, timeoutMs: 10_000 });
  expect(await custodian.submit(PAYMENT)).toEqual({
    refused: 'no '.repeat(1_000).slice(0, MAX_REASON_LENGTH),
  });
});

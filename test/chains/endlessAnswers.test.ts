/** Services whose answers do not end: nobody reads them for long. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { createHttpCustodian } from '../../src/custody/httpCustodian.ts';
import { createKeySet } from '../../src/hooks/keySet.ts';
import { createRemoteSigner } from '../../src/withdrawals/remoteSigner.ts';
import { createRiskCheck } from '../../src/withdrawals/riskCheck.ts';
import { atFileEnd } from '../support/borrow.ts';

/** What sockets and pipes between two ends keep is less. */
const FEW_BYTES = 16 * 2 ** 20;
const PART = Buffer.alloc(65_536, 'a');
const TOKEN = 'a token of the tests';

let url: string;
let sent = 0;
let open = 0;

beforeAll(async () => {
  const server = createServer((_, response) => {
    open += 1;
    response.on('close', () => {
      open -= 1;
    });
    response.writeHead(200, { 'content-type': 'application/json' }).write('"');
    const go = () => {
      while (!response.destroyed && sent < 8 * FEW_BYTES) {
        sent += PART.length;
        if (!response.write(PART)) return;
      }
      response.destroy();
    };
    response.on('drain', go);
    go();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atFileEnd(() => new Promise<void>((resolve) => server.close(() => resolve())));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  sent = 0;
});

const withdrawal = { id: 'withdrawal:shop:1', asset: 'ETH', amount: '1', destination: '0x1' };
const question = {
  ...withdrawal,
  client: 'shop',
  wallet: 'w',
  walletKind: 'user',
  owner: 'o',
  chain: null,
  fee: null,
  riskMeta: null,
  metadata: {},
  createdAt: '2026-01-01T00:00:00.000000Z',
};

it.each([
  ['a custodian', () => custodian().find(withdrawal), 'CustodianUnavailable'],
  ['a custodian that is to pay', () => custodian().submit(withdrawal), 'CustodianUnavailable'],
  [
    'the risk check',
    () => createRiskCheck({ url, secret: TOKEN, timeoutMs: 30_000 })(question),
    'RiskUnavailable',
  ],
  [
    'a signer',
    () => createRemoteSigner({ url, token: TOKEN, timeoutMs: 30_000 }, 'eip155:1'),
    'SignerUnavailable',
  ],
  ['the keys of a provider', () => createKeySet(url).find('one'), 'KeysUnavailable'],
] as const)('of %s', async (_, ask, name) => {
  await expect(ask()).rejects.toMatchObject({ name });
  expect(sent).toBeLessThan(FEW_BYTES);
  await expect.poll(() => open).toBe(0);
});

const custodian = () => createHttpCustodian({ url, token: TOKEN, timeoutMs: 30_000 });

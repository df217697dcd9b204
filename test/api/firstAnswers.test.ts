/** A key's first answer stays the answer to its request, whatever became of what that names. */
import { beforeAll, describe, expect, test } from 'vitest';
import { stepKey } from '../../src/contracts/ids.ts';
import type { SettleInput } from '../../src/contracts/steps.ts';
import { settle } from '../../src/ledger/settle.ts';
import { credit, debit, makeAsset, openWallet, pathOf } from './money.ts';
import { type Answer, createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  await makeAsset(api, 'USD');
  // Nobody follows its chain, so whatever is judged by it is 503.
  await api.admin.post('/v1/assets', { code: 'ETH', scale: 18, chain: 'eip155:1' });
  for (const id of ['a', 'b', 'c']) await openWallet(api, id, 'USD', '100');
});

const openOnChain = (id: string) =>
  api.admin.post('/v1/wallets', { id, owner: `owner of ${id}`, asset: 'ETH' });

const refusal = ({ status, body }: Answer) => [status, body.code];

/** Asks twice under one key, and makes what it names another thing in between. */
async function twice(
  path: string,
  body: object,
  meanwhile: () => Promise<unknown>,
): Promise<[Answer, Answer]> {
  const first = await api.admin.post(path, body, { key: 'first' });
  await meanwhile();
  const again = await api.admin.post(path, body, { key: 'first' });
  expect([again.status, again.body]).toEqual([first.status, first.body]);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  return [first, again];
}

/** The same of a wallet that is opened in between. */
async function beforeItsWallet(
  wallet: string,
  [path, body]: [string, object],
  open: (wallet: string) => Promise<unknown>,
): Promise<void> {
  const key = `before-${wallet}`;
  const first = await api.admin.post(path, body, { key });
  expect(refusal(first)).toEqual([404, 'WALLET_NOT_FOUND']);
  await open(wallet);
  const again = await api.admin.post(path, body, { key });
  expect([again.status, again.body]).toEqual([404, first.body]);
  expect(again.headers.get('idempotency-replayed')).toBe('true');
}

const openInUsd = (id: string) => openWallet(api, id, 'USD', '10');

describe('a wallet that was not there', () => {
  test('stays unknown to a transfer, also where its legs name the asset', async () => {
    const legs = [debit('a', '1'), { ...credit('late-1', '1'), asset: 'USD' }];
    await beforeItsWallet('late-1', ['/v1/transfers', { legs }], openInUsd);
  });

  test('stays unknown to amounts that it could not take', async () => {
    const legs = [debit('late-2', '1.001'), credit('late-2', '1.001')];
    await beforeItsWallet('late-2', ['/v1/transfers', { legs }], openInUsd);
  });

  test('stays unknown where the other leg names the asset of a wallet that was there', async () => {
    const legs = [
      { ...debit('a', '1'), asset: 'USD' },
      { ...credit('late-8', '1'), asset: 'USD' },
    ];
    await beforeItsWallet('late-8', ['/v1/transfers', { legs }], openInUsd);
    const group = await api.admin.post('/v1/transfers', { legs: [], settle: 'manual' });
    const added = [legs[0], { ...credit('late-9', '1'), asset: 'USD' }];
    await beforeItsWallet('late-9', [pathOf(group, '/legs'), { legs: added }], openInUsd);
  });

  test('stays unknown to legs that are added', async () => {
    const group = await api.admin.post('/v1/transfers', { legs: [], settle: 'manual' });
    const legs = [{ ...credit('late-3', '1'), asset: 'USD' }];
    await beforeItsWallet('late-3', [pathOf(group, '/legs'), { legs }], openInUsd);
  });

  test('stays unknown to a withdrawal', async () => {
    const destination = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8';
    const body = { amount: '1', destination };
    const path = '/v1/withdrawals';
    await beforeItsWallet('late-4', [path, { ...body, wallet: 'late-4' }], openOnChain);
    const fee = { feeMode: 'customer', maxFee: '0.1', wallet: 'late-5' };
    await beforeItsWallet('late-5', [path, { ...body, ...fee }], openInUsd);
  });

  test('stays unknown to a deposit', async () => {
    const body = { wallet: 'late-6', amount: '1' };
    await beforeItsWallet('late-6', ['/v1/deposits', body], openOnChain);
    const first = { amount: '1.001', txid: 'wire-1', ordinal: 0 };
    await beforeItsWallet('late-10', ['/v1/deposits', { ...first, wallet: 'late-10' }], openInUsd);
    const chain = { ...first, wallet: 'late-11' };
    await beforeItsWallet('late-11', ['/v1/deposits', chain], openOnChain);
  });

  test('stays unknown to a payout run', async () => {
    const lines = [{ destination: '0x70997970c51812dc3a010c7d01b50e0d17dc79c8', amount: '1' }];
    await beforeItsWallet('late-7', ['/v1/payout-runs', { wallet: 'late-7', lines }], openOnChain);
  });
});

describe('a group that went on', () => {
  const threeLegs = () =>
    api.admin.post('/v1/transfers', {
      settle: 'manual',
      legs: [debit('a', '10'), credit('b', '5'), credit('c', '5')],
    });
  const half = [1, 2].map((leg) => ({ leg, amount: '5' }));

  test('keeps the reversal by amount that was made of its first part', async () => {
    const group = await threeLegs();
    await api.admin.post(pathOf(group, '/settle'), { legs: half, final: false });
    const [first] = await twice(pathOf(group, '/reverse'), { amount: '3', reason: 'r' }, () =>
      api.admin.post(pathOf(group, '/settle'), {}),
    );
    expect(first.status).toBe(201);
  });

  test('keeps that nothing had settled', async () => {
    const group = await threeLegs();
    const [first] = await twice(pathOf(group, '/reverse'), { amount: '3', reason: 'r' }, () =>
      api.admin.post(pathOf(group, '/settle'), {}),
    );
    expect(refusal(first)).toEqual([409, 'GROUP_NOT_SETTLED']);
  });

  test('keeps that a leg was not there', async () => {
    const group = await api.admin.post('/v1/transfers', { legs: [], settle: 'manual' });
    const body = { legs: [{ leg: 1, amount: '1.001' }] };
    const [first] = await twice(pathOf(group, '/settle'), body, () =>
      api.admin.post(pathOf(group, '/legs'), { legs: [debit('a', '2')] }),
    );
    expect(refusal(first)).toEqual([422, 'AMOUNT_EXCEEDS_HELD']);
  });

  test('keeps a settlement that was kept without `final`, since its body was absent', async () => {
    const group = await threeLegs();
    const groupId = group.body.id;
    const step = { groupId, stepKey: stepKey('settle', 'admin', 'bare') };
    const actor = { name: 'admin', admin: true };
    await settle(api.db.pool, { ...step, actor, legs: null } as unknown as SettleInput);
    const path = pathOf(group, '/settle');
    for (const body of [undefined, {}, { final: true }]) {
      const again = await api.admin.post(path, body, { key: 'bare' });
      expect([again.status, again.body.status]).toEqual([200, 'SETTLED']);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
    }
    const other = await api.admin.post(path, { final: false }, { key: 'bare' });
    expect(refusal(other)).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { balanceOf, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { type Answer, createTestApi, type TestApi, type TestClient } from './testApi.ts';

let api: TestApi;
let bank: TestClient;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  bank = await api.client('bank', 'read', 'operate');
  await makeAsset(api, 'USD');
  await makeAsset(api, 'EUR');
});

/** A fresh wallet and a deposit of 100 that is announced for it. */
async function announced(wallet: string): Promise<Answer> {
  await openWallet(api, wallet, 'USD');
  const deposit = await bank.post('/v1/deposits', { wallet, amount: '100' });
  expect(deposit.status).toBe(201);
  return deposit;
}

const act = (deposit: Answer, name: string, body?: object, key?: string) => {
  const path = `/v1/deposits/${encodeURIComponent(deposit.body.id)}/${name}`;
  return bank.post(path, body, key ? { key } : {});
};

describe('POST /v1/deposits', () => {
  test('books the amount as pending', async () => {
    await openWallet(api, 'p', 'USD');
    const body = { wallet: 'p', amount: '100.00', metadata: { from: 'wire' } };
    const deposit = await bank.post('/v1/deposits', body, { key: 'd1' });
    expect(deposit.status).toBe(201);
    expect(deposit.body).toMatchObject({
      id: 'deposit:bank:d1',
      kind: 'deposit',
      status: 'IN_PROGRESS',
      expiresAt: null,
      metadata: { from: 'wire' },
      workflowId: 'deposit:bank:d1',
    });
    expect(await balanceOf(api, 'p')).toEqual(['0', '100', '0']);
    expect((await bank.get(pathOf(deposit))).body).toEqual(deposit.body);
  });

  test('with a txid that is known, under another key: 200 with the first group', async () => {
    await openWallet(api, 'once', 'USD');
    const body = { wallet: 'once', amount: '7', txid: 'wire-1', source: 'bank-a', ordinal: 0 };
    const first = await bank.post('/v1/deposits', body, { key: 'once-1' });
    expect(first.status).toBe(201);
    const second = await bank.post('/v1/deposits', { ...body, amount: '7.0' }, { key: 'once-2' });
    expect([second.status, second.body]).toEqual([200, first.body]);
    const again = await bank.post('/v1/deposits', body, { key: 'once-2' });
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(await balanceOf(api, 'once')).toEqual(['0', '7', '0']);
    for (const other of [{ ordinal: 1 }, { source: 'bank-b' }, { txid: 'wire-2' }]) {
      expect((await bank.post('/v1/deposits', { ...body, ...other })).status).toBe(201);
    }
    for (const other of [{ amount: '8' }, { wallet: 'p' }]) {
      expect(faultOf(await bank.post('/v1/deposits', { ...body, ...other }))).toEqual([
        409,
        'DEPOSIT_EXISTS',
      ]);
    }
  });

  test('with a txid that is known is found where a 202 said that it would be', async () => {
    await openWallet(api, 'again', 'USD');
    const body = { wallet: 'again', amount: '5', txid: 'wire-202' };
    const first = await bank.post('/v1/deposits', body);
    const second = await bank.post('/v1/deposits', body, { prefer: 'wait=0' });
    expect(second.status).toBe(202);
    const location = second.headers.get('location') ?? '';
    await expect.poll(async () => (await bank.get(location)).body.id).toBe(first.body.id);
    const { body: entries } = await bank.get(`${location}/entries`);
    expect(entries.data).toHaveLength(2);
    expect((await bank.get(`${location}/timeline`)).body.data).toHaveLength(1);
  });

  test('refuses unknown wallets, and what is below the minimum or paused', async () => {
    expect(faultOf(await bank.post('/v1/deposits', { wallet: 'ghost', amount: '1' }))).toEqual([
      404,
      'WALLET_NOT_FOUND',
    ]);
    await openWallet(api, 'least', 'EUR');
    await api.admin.patch('/v1/assets/EUR', { minDeposit: '5' });
    const deposit = { wallet: 'least', amount: '4.99' };
    expect(faultOf(await bank.post('/v1/deposits', deposit))).toEqual([422, 'BELOW_MINIMUM']);
    await api.admin.patch('/v1/assets/EUR', { depositsPaused: true });
    expect(faultOf(await bank.post('/v1/deposits', { ...deposit, amount: '5' }))).toEqual([
      409,
      'ASSET_PAUSED',
    ]);
  });

  test.each([
    [{ amount: '1' }, 'INVALID_REQUEST', '/wallet'],
    [{ wallet: 'p' }, 'INVALID_REQUEST', '/amount'],
    [{ wallet: 'p', amount: 1 }, 'INVALID_AMOUNT', '/amount'],
    [{ wallet: 'p', amount: '0.001' }, 'INVALID_AMOUNT', '/amount'],
    [{ wallet: 'p', amount: '1', ordinal: -1 }, 'INVALID_REQUEST', '/ordinal'],
    [{ wallet: 'p', amount: '1', ordinal: 2 ** 31 }, 'INVALID_REQUEST', '/ordinal'],
    [{ wallet: 'p', amount: '1', txid: '' }, 'INVALID_REQUEST', '/txid'],
    [{ wallet: 'p', amount: '1', asset: 'USD' }, 'INVALID_REQUEST', '/asset'],
  ])('refuses %j', async (body, code, pointer) => {
    expect(faultOf(await bank.post('/v1/deposits', body))).toEqual([400, code, pointer]);
  });

  test('for a system wallet needs admin', async () => {
    const deposit = { wallet: 'fees:USD', amount: '1' };
    expect(faultOf(await bank.post('/v1/deposits', deposit))).toEqual([
      403,
      'FORBIDDEN',
      '/wallet',
    ]);
    expect((await api.admin.post('/v1/deposits', deposit)).status).toBe(201);
  });
});

describe('POST /v1/deposits/{id}/confirm', () => {
  test('makes all of it available', async () => {
    const deposit = await announced('c1');
    const confirmed = await act(deposit, 'confirm');
    expect([confirmed.status, confirmed.body.status]).toEqual([200, 'SETTLED']);
    expect(await balanceOf(api, 'c1')).toEqual(['100', '0', '0']);
  });

  test('of an amount is not final unless it says so', async () => {
    const deposit = await announced('c2');
    expect((await act(deposit, 'confirm', { amount: '40' })).body.status).toBe('IN_PROGRESS');
    expect(await balanceOf(api, 'c2')).toEqual(['40', '60', '0']);
    const last = await act(deposit, 'confirm', { amount: '10', final: true });
    expect(last.body.status).toBe('SETTLED');
    expect(await balanceOf(api, 'c2')).toEqual(['50', '0', '0']);
  });

  test('of more than is pending is AMOUNT_EXCEEDS_HELD and changes nothing', async () => {
    const deposit = await announced('c3');
    expect(faultOf(await act(deposit, 'confirm', { amount: '101' }))).toEqual([
      422,
      'AMOUNT_EXCEEDS_HELD',
    ]);
    expect(faultOf(await act(deposit, 'confirm', { amount: '0.001' }))).toEqual([
      400,
      'INVALID_AMOUNT',
      '/amount',
    ]);
    expect(faultOf(await act(deposit, 'confirm', { amount: null }))).toEqual([
      400,
      'INVALID_AMOUNT',
      '/amount',
    ]);
    expect(await balanceOf(api, 'c3')).toEqual(['0', '100', '0']);
  });

  test('again with the same key is the same answer, with another body names it', async () => {
    const deposit = await announced('c4');
    const first = await act(deposit, 'confirm', { amount: '40' }, 'k');
    const again = await act(deposit, 'confirm', { amount: '40.0', final: false }, 'k');
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect(faultOf(await act(deposit, 'confirm', { amount: '41' }, 'k'))).toEqual([
      422,
      'IDEMPOTENCY_KEY_REUSED',
      '/amount',
    ]);
    expect(await balanceOf(api, 'c4')).toEqual(['40', '60', '0']);
  });
});

describe('POST /v1/deposits/{id}/cancel', () => {
  test('takes back what is pending', async () => {
    const deposit = await announced('x1');
    expect(faultOf(await act(deposit, 'cancel', {}))).toEqual([400, 'INVALID_REQUEST', '/reason']);
    const cancelled = await act(deposit, 'cancel', { reason: 'never came' });
    expect(cancelled.body).toMatchObject({ status: 'CANCELLED', reason: 'never came' });
    expect(await balanceOf(api, 'x1')).toEqual(['0', '0', '0']);
    expect(faultOf(await act(deposit, 'confirm'))).toEqual([409, 'GROUP_NOT_OPEN']);
  });

  test('of a group that is not there is 404, of a transfer WRONG_KIND', async () => {
    const missing = await bank.post('/v1/deposits/deposit%3Abank%3Anone/cancel', { reason: 'r' });
    expect(faultOf(missing)).toEqual([404, 'GROUP_NOT_FOUND']);
    const transfer = await api.admin.post('/v1/transfers', { legs: [], settle: 'manual' });
    expect(faultOf(await act(transfer, 'cancel', { reason: 'r' }))).toEqual([409, 'WRONG_KIND']);
    expect(faultOf(await act(transfer, 'confirm'))).toEqual([409, 'WRONG_KIND']);
  });
});

test('acts of transfers do not end a deposit', async () => {
  const deposit = await announced('guard');
  for (const [name, body] of [
    ['settle', {}],
    ['release', { reason: 'r' }],
    ['cancel', { reason: 'r' }],
    ['extend', { expiresIn: 60 }],
    ['legs', { legs: [{ wallet: 'guard', type: 'CREDIT', amount: '1' }] }],
  ] as const) {
    const answer = await api.admin.post(pathOf(deposit, `/${name}`), body);
    expect(faultOf(answer)).toEqual([409, 'WRONG_KIND']);
  }
  expect(await balanceOf(api, 'guard')).toEqual(['0', '100', '0']);
});

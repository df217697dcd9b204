import { beforeAll, describe, expect, test } from 'vitest';
import { balanceOf, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { type Answer, createTestApi, type TestApi, type TestClient } from './testApi.ts';

let api: TestApi;
let shop: TestClient;
let bank: TestClient;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  shop = await api.client('shop', 'read', 'transfer');
  bank = await api.client('bank', 'read', 'operate');
  await makeAsset(api, 'USD');
  await api.admin.post('/v1/assets', { code: 'FEE', scale: 2, withdrawalFee: '1.5' });
});

/** A wallet of 100 and a withdrawal of 60 from it. */
async function requested(wallet: string): Promise<Answer> {
  await openWallet(api, wallet, 'USD', '100');
  const body = { wallet, amount: '60', destination: 'DE02120300000000202051' };
  const withdrawal = await shop.post('/v1/withdrawals', body);
  expect(withdrawal.status).toBe(201);
  return withdrawal;
}

const act = (withdrawal: Answer, name: string, body?: object, client = bank) =>
  client.post(`/v1/withdrawals/${encodeURIComponent(withdrawal.body.id)}/${name}`, body);

describe('POST /v1/withdrawals', () => {
  test('holds the amount', async () => {
    await openWallet(api, 'h', 'USD', '100');
    const body = { wallet: 'h', amount: '60.0', destination: 'iban', metadata: { a: 1 } };
    const withdrawal = await shop.post('/v1/withdrawals', body, { key: 'w1' });
    expect(withdrawal.status).toBe(201);
    expect(withdrawal.body).toMatchObject({
      id: 'withdrawal:shop:w1',
      kind: 'withdrawal',
      status: 'IN_PROGRESS',
      expiresAt: null,
      metadata: { a: 1 },
      withdrawal: { state: 'held', destination: 'iban', attempts: [], confirmations: 0 },
    });
    expect(await balanceOf(api, 'h')).toEqual(['40', '0', '60']);
    expect((await shop.get(pathOf(withdrawal))).body).toEqual(withdrawal.body);
  });

  test('holds the fee beside what arrives', async () => {
    await openWallet(api, 'fee', 'FEE', '11.5');
    const body = { wallet: 'fee', amount: '10', destination: 'iban' };
    expect((await shop.post('/v1/withdrawals', body)).status).toBe(201);
    expect(await balanceOf(api, 'fee')).toEqual(['0', '0', '11.5']);
    const more = { ...body, amount: '0.01' };
    expect(faultOf(await shop.post('/v1/withdrawals', more))).toEqual([422, 'INSUFFICIENT_FUNDS']);
  });

  test('counts against a limit until it is given back', async () => {
    await openWallet(api, 'limited', 'USD', '100');
    const limit = { asset: 'USD', wallet: 'limited', window: 'day', kinds: ['withdrawal'] };
    await api.admin.put('/v1/limits/limited', { ...limit, amount: '50' });
    const body = { wallet: 'limited', amount: '30', destination: 'iban' };
    const first = await shop.post('/v1/withdrawals', body);
    expect(faultOf(await shop.post('/v1/withdrawals', body))).toEqual([422, 'LIMIT_EXCEEDED']);
    await act(first, 'release', { reason: 'changed their mind' });
    expect((await shop.post('/v1/withdrawals', body)).status).toBe(201);
  });

  test('refuses below the minimum, paused assets and unknown wallets', async () => {
    await makeAsset(api, 'MIN');
    await api.admin.patch('/v1/assets/MIN', { minWithdrawal: '5' });
    await openWallet(api, 'min', 'MIN', '10');
    const body = { wallet: 'min', amount: '4', destination: 'iban' };
    expect(faultOf(await shop.post('/v1/withdrawals', body))).toEqual([422, 'BELOW_MINIMUM']);
    await api.admin.patch('/v1/assets/MIN', { withdrawalsPaused: true });
    const enough = { ...body, amount: '5' };
    expect(faultOf(await shop.post('/v1/withdrawals', enough))).toEqual([409, 'ASSET_PAUSED']);
    const ghost = { ...body, wallet: 'ghost' };
    expect(faultOf(await shop.post('/v1/withdrawals', ghost))).toEqual([404, 'WALLET_NOT_FOUND']);
  });

  test.each([
    [{ amount: '0' }, 'INVALID_AMOUNT', '/amount'],
    [{ amount: '0.001' }, 'INVALID_AMOUNT', '/amount'],
    [{ amount: undefined }, 'INVALID_REQUEST', '/amount'],
    [{ destination: undefined }, 'INVALID_REQUEST', '/destination'],
    [{ destination: '' }, 'INVALID_DESTINATION', '/destination'],
    [{ destination: 'x'.repeat(256) }, 'INVALID_DESTINATION', '/destination'],
    [{ feeMode: 'free' }, 'INVALID_REQUEST', '/feeMode'],
    [{ feeMode: 'customer' }, 'INVALID_REQUEST', '/feeMode'],
    [{ maxFee: '1' }, 'INVALID_REQUEST', '/maxFee'],
    [{ maxFee: 'x' }, 'INVALID_AMOUNT', '/maxFee'],
    [{ expiresIn: 0 }, 'INVALID_REQUEST', '/expiresIn'],
    [{ riskMeta: 5 }, 'INVALID_REQUEST', '/riskMeta'],
  ])('refuses %j', async (part, code, pointer) => {
    const body = { wallet: 'h', amount: '1', destination: 'iban', ...part };
    expect(faultOf(await shop.post('/v1/withdrawals', body))).toEqual([400, code, pointer]);
  });

  test('takes defaults spelled out under the same key', async () => {
    await openWallet(api, 'spelled', 'USD', '10');
    const body = { wallet: 'spelled', amount: '1', destination: 'iban' };
    const first = await shop.post('/v1/withdrawals', body, { key: 'spelled' });
    const spelled = { feeMode: 'platform', maxFee: null, riskMeta: null, expiresIn: null };
    const again = await shop.post('/v1/withdrawals', { ...body, ...spelled }, { key: 'spelled' });
    expect([again.status, again.body]).toEqual([201, first.body]);
  });

  test('from a system wallet needs admin', async () => {
    const body = { wallet: 'treasury:USD', amount: '1', destination: 'iban' };
    expect(faultOf(await shop.post('/v1/withdrawals', body))).toEqual([
      403,
      'FORBIDDEN',
      '/wallet',
    ]);
  });

  test('on a chain that is not followed is CHAIN_UNAVAILABLE', async () => {
    await api.admin.post('/v1/assets', { code: 'ETH', scale: 18, chain: 'eip155:1' });
    await openWallet(api, 'eth', 'ETH', '1');
    const body = { wallet: 'eth', amount: '1', destination: '0x0' };
    const answer = await shop.post('/v1/withdrawals', body, { key: 'eth' });
    expect(faultOf(answer)).toEqual([503, 'CHAIN_UNAVAILABLE']);
    expect((await shop.get(pathOf('withdrawal:shop:eth'))).status).toBe(404);
  });

  test('past its deadline is marked stuck and stays held', async () => {
    await openWallet(api, 'slow', 'USD', '10');
    const body = { wallet: 'slow', amount: '10', destination: 'iban', expiresIn: 1 };
    const withdrawal = await shop.post('/v1/withdrawals', body);
    expect(withdrawal.body.expiresAt).not.toBeNull();
    await expect
      .poll(async () => (await shop.get(pathOf(withdrawal))).body.withdrawal.state, {
        timeout: 10_000,
        interval: 200,
      })
      .toBe('stuck');
    expect(await balanceOf(api, 'slow')).toEqual(['0', '0', '10']);
    expect((await act(withdrawal, 'finalize')).body.status).toBe('SETTLED');
  });
});

describe('POST /v1/withdrawals/{id}/finalize', () => {
  test('settles all of it', async () => {
    const withdrawal = await requested('f1');
    const done = await act(withdrawal, 'finalize', { txid: 'wire-9' });
    expect(done.status).toBe(200);
    expect(done.body).toMatchObject({ status: 'SETTLED', withdrawal: { state: 'settled' } });
    expect(await balanceOf(api, 'f1')).toEqual(['40', '0', '0']);
    expect(faultOf(await act(withdrawal, 'release', { reason: 'r' }))).toEqual([
      409,
      'GROUP_NOT_OPEN',
    ]);
  });

  test('of an amount is not final unless it says so', async () => {
    const withdrawal = await requested('f2');
    expect((await act(withdrawal, 'finalize', { amount: '20' })).body.status).toBe('IN_PROGRESS');
    expect(await balanceOf(api, 'f2')).toEqual(['40', '0', '40']);
    const last = await act(withdrawal, 'finalize', { amount: '10', final: true });
    expect(last.body.status).toBe('SETTLED');
    expect(await balanceOf(api, 'f2')).toEqual(['70', '0', '0']);
  });

  test('of more than is held is AMOUNT_EXCEEDS_HELD', async () => {
    const withdrawal = await requested('f3');
    expect(faultOf(await act(withdrawal, 'finalize', { amount: '61' }))).toEqual([
      422,
      'AMOUNT_EXCEEDS_HELD',
    ]);
    expect(faultOf(await act(withdrawal, 'finalize', { amount: '0.001' }))).toEqual([
      400,
      'INVALID_AMOUNT',
      '/amount',
    ]);
  });
});

describe('POST /v1/withdrawals/{id}/release', () => {
  test('gives it back with its reason, also by the client that asked', async () => {
    const withdrawal = await requested('r1');
    const released = await act(withdrawal, 'release', { reason: 'returned' }, shop);
    expect(released.body).toMatchObject({
      status: 'RELEASED',
      reason: 'returned',
      withdrawal: { state: 'released' },
    });
    expect(await balanceOf(api, 'r1')).toEqual(['100', '0', '0']);
  });

  test('gives part of it back', async () => {
    const withdrawal = await requested('r2');
    const part = await act(withdrawal, 'release', { reason: 'part', amount: '20' });
    expect(part.body.status).toBe('IN_PROGRESS');
    expect(await balanceOf(api, 'r2')).toEqual(['60', '0', '40']);
    expect(faultOf(await act(withdrawal, 'release', { reason: 'r', amount: '41' }))).toEqual([
      422,
      'AMOUNT_EXCEEDS_HELD',
    ]);
    expect(faultOf(await act(withdrawal, 'release', {}))).toEqual([
      400,
      'INVALID_REQUEST',
      '/reason',
    ]);
  });

  test('of a group that is not there is 404, of a deposit WRONG_KIND', async () => {
    const missing = await bank.post('/v1/withdrawals/withdrawal%3Ax%3Ay/release', { reason: 'r' });
    expect(faultOf(missing)).toEqual([404, 'GROUP_NOT_FOUND']);
    await openWallet(api, 'kind', 'USD');
    const deposit = await bank.post('/v1/deposits', { wallet: 'kind', amount: '1' });
    expect(faultOf(await act(deposit, 'release', { reason: 'r' }))).toEqual([409, 'WRONG_KIND']);
    expect(faultOf(await act(deposit, 'finalize'))).toEqual([409, 'WRONG_KIND']);
  });
});

describe('POST /v1/withdrawals/{id}/approve and /reject', () => {
  const reason = { reason: 'looked at' };

  test('of a withdrawal that waits for no approval is noted, and a no gives back', async () => {
    const withdrawal = await requested('a1');
    expect((await act(withdrawal, 'approve', reason)).status).toBe(200);
    expect(await balanceOf(api, 'a1')).toEqual(['40', '0', '60']);
    expect((await act(withdrawal, 'reject', reason)).body.status).toBe('CANCELLED');
    expect(await balanceOf(api, 'a1')).toEqual(['100', '0', '0']);
  });

  test('of a finished one is GROUP_NOT_OPEN, of another kind WRONG_KIND, of none 404', async () => {
    const withdrawal = await requested('a2');
    await act(withdrawal, 'finalize');
    expect(faultOf(await act(withdrawal, 'approve', reason))).toEqual([409, 'GROUP_NOT_OPEN']);
    const transfer = await shop.post('/v1/transfers', { legs: [], settle: 'manual' });
    expect(faultOf(await act(transfer, 'reject', reason))).toEqual([409, 'WRONG_KIND']);
    const missing = await bank.post('/v1/withdrawals/none/approve', reason);
    expect(faultOf(missing)).toEqual([404, 'GROUP_NOT_FOUND']);
  });

  test('the client that asked cannot approve', async () => {
    await openWallet(api, 'own', 'USD', '10');
    const both = await api.client('both', 'transfer', 'operate');
    const body = { wallet: 'own', amount: '1', destination: 'iban' };
    const withdrawal = await both.post('/v1/withdrawals', body);
    expect(faultOf(await act(withdrawal, 'approve', reason, both))).toEqual([403, 'FORBIDDEN']);
    expect((await act(withdrawal, 'reject', reason, both)).body.status).toBe('CANCELLED');
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { reversalId } from '../../src/contracts/ids.ts';
import { balanceOf, credit, debit, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { type Answer, createTestApi, type TestApi, type TestClient } from './testApi.ts';

let api: TestApi;
let shop: TestClient;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  shop = await api.client('shop', 'read', 'transfer');
  await makeAsset(api, 'USD');
});

/** A fresh pair of wallets after `amount` went from the first, which had 100, to the second. */
async function moved(name: string, amount: string): Promise<Answer> {
  await openWallet(api, `${name}-a`, 'USD', '100');
  await openWallet(api, `${name}-b`, 'USD');
  const legs = [debit(`${name}-a`, amount), credit(`${name}-b`, amount)];
  return shop.post('/v1/transfers', { legs });
}

const reverse = (group: Answer, body: object, key?: string) =>
  shop.post(pathOf(group, '/reverse'), { reason: 'returned', ...body }, key ? { key } : {});

describe('POST …/reverse', () => {
  test('moves all of it back in a new linked group', async () => {
    const group = await moved('all', '10');
    const back = await reverse(group, {}, 'k1');
    expect(back.status).toBe(201);
    expect(back.body).toMatchObject({
      id: reversalId(group.body.id, 'shop', 'k1'),
      kind: 'reversal',
      status: 'SETTLED',
      reason: 'returned',
      reverses: group.body.id,
    });
    expect(await balanceOf(api, 'all-a')).toEqual(['100', '0', '0']);
    expect((await shop.get(pathOf(group))).body.status).toBe('SETTLED');
    expect((await shop.get(pathOf(back))).body).toEqual(back.body);
  });

  test('moves the money of a system wallet for an admin alone, as it came', async () => {
    await openWallet(api, 'fee-a', 'USD', '10');
    const legs = [debit('fee-a', '3'), credit('fees:USD', '3')];
    const group = await api.admin.post('/v1/transfers', { legs });
    expect(group.status).toBe(201);
    expect(faultOf(await reverse(group, {}))).toEqual([403, 'FORBIDDEN', '/id']);
    expect(await balanceOf(api, 'fee-a')).toEqual(['7', '0', '0']);
    const back = await api.admin.post(pathOf(group, '/reverse'), { reason: 'returned' });
    expect(back.status).toBe(201);
    expect(await balanceOf(api, 'fee-a')).toEqual(['10', '0', '0']);
  });

  test('moves parts back, by amount or by leg, and never more than settled', async () => {
    const group = await moved('parts', '10');
    expect((await reverse(group, { amount: '4.0' })).status).toBe(201);
    const legs = [
      { leg: 1, amount: '5' },
      { leg: 2, amount: '5' },
    ];
    expect((await reverse(group, { legs })).status).toBe(201);
    expect(faultOf(await reverse(group, { amount: '2' }))).toEqual([
      422,
      'REVERSAL_EXCEEDS_SETTLED',
    ]);
    const unknown = await reverse(group, { legs: [{ leg: 7, amount: '1' }] });
    expect([unknown.body.code, unknown.body.detail]).toEqual([
      'REVERSAL_EXCEEDS_SETTLED',
      `Group ${group.body.id} has no leg 7.`,
    ]);
    const oneSided = { legs: [{ leg: 1, amount: '1' }] };
    expect(faultOf(await reverse(group, oneSided))).toEqual([422, 'UNBALANCED_GROUP']);
    expect((await reverse(group, {})).body.legs[0].amount).toBe('1');
    expect(faultOf(await reverse(group, {}))).toEqual([422, 'REVERSAL_EXCEEDS_SETTLED']);
    expect(await balanceOf(api, 'parts-b')).toEqual(['0', '0', '0']);
  });

  test('is checked against what settled before funds are', async () => {
    const group = await moved('spent', '10');
    await openWallet(api, 'elsewhere', 'USD');
    const spend = [debit('spent-b', '8'), credit('elsewhere', '8')];
    await shop.post('/v1/transfers', { legs: spend });
    expect(faultOf(await reverse(group, { amount: '11' }))).toEqual([
      422,
      'REVERSAL_EXCEEDS_SETTLED',
    ]);
    expect(faultOf(await reverse(group, {}))).toEqual([422, 'INSUFFICIENT_FUNDS']);
    expect((await reverse(group, { amount: '2' })).status).toBe(201);
  });

  test('of a group of which nothing settled is GROUP_NOT_SETTLED', async () => {
    await openWallet(api, 'held', 'USD', '5');
    const legs = [debit('held', '5')];
    const group = await shop.post('/v1/transfers', { legs, settle: 'manual' });
    expect(faultOf(await reverse(group, {}))).toEqual([409, 'GROUP_NOT_SETTLED']);
    expect(faultOf(await reverse(group, { amount: '1' }))).toEqual([409, 'GROUP_NOT_SETTLED']);
  });

  test('of a reversal is WRONG_KIND', async () => {
    const back = await reverse(await moved('twice', '1'), {});
    expect(faultOf(await reverse(back, {}))).toEqual([409, 'WRONG_KIND']);
  });

  test('by amount needs one debit and one credit leg, told before anything starts', async () => {
    await openWallet(api, 'split-a', 'USD', '10');
    await openWallet(api, 'split-b', 'USD');
    await openWallet(api, 'split-c', 'USD');
    const legs = [debit('split-a', '10'), credit('split-b', '4'), credit('split-c', '6')];
    const group = await shop.post('/v1/transfers', { legs });
    expect(faultOf(await reverse(group, { amount: '1' }, 'same'))).toEqual([
      400,
      'INVALID_REQUEST',
      '/amount',
    ]);
    expect((await reverse(group, {}, 'same')).status).toBe(201);
  });

  test('refuses shapes that say too much or too little', async () => {
    const group = await moved('shapes', '1');
    const legs = [{ leg: 1, amount: '1' }];
    expect(faultOf(await reverse(group, { amount: '1', legs }))).toEqual([
      400,
      'INVALID_REQUEST',
      '/amount',
    ]);
    expect(faultOf(await reverse(group, { amount: '0.001' }))).toEqual([
      400,
      'INVALID_AMOUNT',
      '/amount',
    ]);
    expect(faultOf(await shop.post(pathOf(group, '/reverse'), {}))).toEqual([
      400,
      'INVALID_REQUEST',
      '/reason',
    ]);
  });

  test('keys are scoped to the group: the same one reverses two groups', async () => {
    const first = await moved('scope1', '1');
    const second = await moved('scope2', '1');
    expect((await reverse(first, {}, 'k')).body.reverses).toBe(first.body.id);
    expect((await reverse(second, {}, 'k')).body.reverses).toBe(second.body.id);
  });

  test('of deposits and withdrawals needs the scope operate', async () => {
    await openWallet(api, 'paid', 'USD');
    const deposit = await api.admin.post('/v1/deposits', { wallet: 'paid', amount: '10' });
    await api.admin.post(`/v1/deposits/${encodeURIComponent(deposit.body.id)}/confirm`);
    expect(faultOf(await reverse(deposit, {}))).toEqual([403, 'FORBIDDEN']);
    const operator = await api.client('operator', 'operate');
    const transfer = await moved('scopes', '1');
    const path = pathOf(transfer, '/reverse');
    expect((await operator.post(path, { reason: 'r' })).status).toBe(403);
    const back = await operator.post(pathOf(deposit, '/reverse'), { reason: 'r' });
    expect([back.status, back.body.kind]).toEqual([201, 'reversal']);
    expect(await balanceOf(api, 'paid')).toEqual(['0', '0', '0']);
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { credit, debit, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';

/** All decimals of an asset of scale 18. */
const TINY = '0.000000000000000001';

let api: TestApi;
let shop: TestClient;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  shop = await api.client('shop', 'read', 'transfer');
  await makeAsset(api, 'USD');
  await makeAsset(api, 'EUR');
  await makeAsset(api, 'WEI', 18);
  await openWallet(api, 'w1', 'USD');
  await openWallet(api, 'w2', 'USD', '10');
  await openWallet(api, 'eb', 'EUR');
  await openWallet(api, 'fine', 'WEI', TINY);
});

describe('refused shapes', () => {
  const base = { legs: [debit('w1', '1'), credit('w2', '1')] };

  test.each([
    1,
    0.1,
    null,
    true,
    '',
    ' 1',
    '1 ',
    '0',
    '0.00',
    '-1',
    '+1',
    '1e3',
    '1E-3',
    '0x10',
    '01',
    '00.1',
    '.5',
    '5.',
    '1,5',
    '1_000',
    'NaN',
    'Infinity',
    '١',
    '1'.repeat(39),
    `0.${'1'.repeat(37)}`,
  ])('%j is INVALID_AMOUNT at its pointer', async (amount) => {
    const legs = [debit('w1', '1'), { ...credit('w2', '1'), amount }];
    expect(faultOf(await shop.post('/v1/transfers', { legs }))).toEqual([
      400,
      'INVALID_AMOUNT',
      '/legs/1/amount',
    ]);
  });

  test('too many decimals for the asset is INVALID_AMOUNT before anything starts', async () => {
    const legs = [debit('w1', '0.001'), credit('w2', '0.001')];
    const key = { key: 'decimals' };
    expect(faultOf(await shop.post('/v1/transfers', { legs }, key))).toEqual([
      400,
      'INVALID_AMOUNT',
      '/legs/0/amount',
      '/legs/1/amount',
    ]);
    expect((await shop.get(pathOf('transfer:shop:decimals'))).status).toBe(404);
    const right = { legs: [], settle: 'manual' };
    expect((await shop.post('/v1/transfers', right, key)).status).toBe(201);
  });

  test.each([
    [{}, '/legs'],
    [{ legs: [] }, '/legs'],
    [{ legs: {} }, '/legs'],
    [{ legs: [{ wallet: 'w1', type: 'DEBIT' }] }, '/legs/0/amount'],
    [{ legs: [{ type: 'DEBIT', amount: '1' }] }, '/legs/0/wallet'],
    [{ legs: [{ ...debit('w1', '1'), type: 'debit' }] }, '/legs/0/type'],
    [{ legs: [{ ...debit('w1', '1'), fee: '1' }] }, '/legs/0/fee'],
    [{ legs: [debit('a b', '1')] }, '/legs/0/wallet'],
    [{ legs: ['w1'] }, '/legs/0'],
    [{ ...base, settle: 'later' }, '/settle'],
    [{ ...base, reference: 5 }, '/reference'],
    [{ ...base, reference: 'r'.repeat(256) }, '/reference'],
    [{ ...base, metadata: 'x' }, '/metadata'],
    [{ ...base, metadata: [1] }, '/metadata'],
    [{ ...base, legs: Array(1001).fill(debit('w1', '1')) }, '/legs'],
  ])('%j names its pointer', async (body, pointer) => {
    expect(faultOf(await shop.post('/v1/transfers', body))).toEqual([
      400,
      'INVALID_REQUEST',
      pointer,
    ]);
  });
});

describe('refusals leave a cancelled group without entries', () => {
  test.each([
    ['WALLET_NOT_FOUND', 404, [debit('ghost', '1'), credit('w2', '1')]],
    ['INSUFFICIENT_FUNDS', 422, [debit('w1', '1000'), credit('w2', '1000')]],
    ['UNBALANCED_GROUP', 422, [debit('w2', '2'), credit('w1', '1')]],
    ['UNBALANCED_GROUP', 422, [credit('w1', '1')]],
    ['UNBALANCED_GROUP', 422, [debit('w2', '1'), credit('eb', '1')]],
    ['ASSET_MISMATCH', 422, [{ ...debit('w2', '1'), asset: 'EUR' }, credit('w1', '1')]],
  ] as const)('%s', async (code, status, legs) => {
    const key = `refused ${code} ${legs.length} ${legs[0].amount} ${legs.at(-1)?.wallet}`;
    const named = key.replaceAll(' ', '-');
    const refused = await shop.post('/v1/transfers', { legs }, { key: named });
    expect(faultOf(refused)).toEqual([status, code]);
    expect(refused.body.groupId).toBe(`transfer:shop:${named}`);
    const { body } = await shop.get(pathOf(refused.body.groupId));
    expect(body).toMatchObject({ status: 'CANCELLED', reason: code, legs: [] });
    expect((await shop.get(pathOf(body.id, '/entries'))).body.data).toEqual([]);
  });

  test('INSUFFICIENT_FUNDS tells available and required', async () => {
    const legs = [debit('w2', '1000'), credit('w1', '1000')];
    const { body } = await shop.post('/v1/transfers', { legs });
    expect(body.detail).toMatch(/10 USD available.*1000 is required/);
  });

  test('UNBALANCED_GROUP tells asset and sum', async () => {
    const legs = [debit('w2', '2'), credit('w1', '1.50')];
    const { body } = await shop.post('/v1/transfers', { legs });
    expect(body.detail).toMatch(/USD.*-0\.5/);
  });

  test('WALLET_NOT_OPEN: a frozen wallet pays nothing and receives', async () => {
    await openWallet(api, 'frozen', 'USD', '5');
    await api.admin.post('/v1/wallets/frozen/freeze', { reason: 'a question' });
    const out = await shop.post('/v1/transfers', {
      legs: [debit('frozen', '1'), credit('w2', '1')],
    });
    expect(faultOf(out)).toEqual([409, 'WALLET_NOT_OPEN']);
    const into = await shop.post('/v1/transfers', {
      legs: [debit('w2', '1'), credit('frozen', '1')],
    });
    expect(into.status).toBe(201);
  });
});

describe('system wallets', () => {
  test('are named in a leg with admin only; 403 consumes nothing', async () => {
    for (const kind of ['external', 'fees', 'shortfall', 'treasury', 'unattributed']) {
      const legs = [debit(`${kind}:USD`, '1'), credit('w2', '1')];
      const answer = await shop.post('/v1/transfers', { legs }, { key: `system-${kind}` });
      expect(faultOf(answer)).toEqual([403, 'FORBIDDEN', '/legs/0/wallet']);
      expect((await shop.get(pathOf(`transfer:shop:system-${kind}`))).status).toBe(404);
      const right = { legs: [], settle: 'manual' };
      expect((await shop.post('/v1/transfers', right, { key: `system-${kind}` })).status).toBe(201);
    }
  });

  test('are read by all who may read', async () => {
    const { status, body } = await shop.get('/v1/wallets/external:WEI');
    expect([status, body.balance.available]).toEqual([200, `-${TINY}`]);
    const { body: entries } = await shop.get('/v1/wallets/external:WEI/entries');
    expect(entries.data[0]).toMatchObject({
      walletVersion: null,
      settledAfter: null,
      heldAfter: null,
      pendingInAfter: null,
    });
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
  await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
  await api.admin.post('/v1/assets', { code: 'ETH', scale: 18, chain: 'eip155:31337' });
  const contract = `0x${'12'.repeat(20)}`;
  const token = { code: 'TOKEN', scale: 6, chain: 'eip155:31337', contract };
  await api.admin.post('/v1/assets', token);
});

const put = (asset: string, body: object) => api.admin.put(`/v1/treasury-rules/${asset}`, body);
const rule = { minAmount: '0.5', maxFee: '0.01' };

describe('/v1/treasury-rules', () => {
  test('are set, read, listed and taken away', async () => {
    const made = await put('ETH', { ...rule, lowWater: '5', highWater: '50.0' });
    const body = { asset: 'ETH', ...rule, lowWater: '5', highWater: '50', coldAddress: null };
    expect([made.status, made.body]).toEqual([200, body]);
    const again = await put('ETH', { ...rule, minAmount: '1' });
    expect(again.body).toEqual({ ...body, minAmount: '1', lowWater: null, highWater: null });
    expect((await api.admin.get('/v1/treasury-rules/ETH')).body).toEqual(again.body);
    expect((await api.admin.get('/v1/treasury-rules')).body.data).toEqual([again.body]);
    expect((await api.admin.delete('/v1/treasury-rules/ETH')).status).toBe(204);
    expect(faultOf(await api.admin.get('/v1/treasury-rules/ETH'))).toEqual([404, 'NOT_FOUND']);
    expect(faultOf(await api.admin.delete('/v1/treasury-rules/ETH'))).toEqual([404, 'NOT_FOUND']);
  });

  test('say what a token costs to send in the native coin', async () => {
    const made = await put('TOKEN', { minAmount: '1', maxFee: '0.000000000000000001' });
    expect([made.status, made.body.maxFee]).toEqual([200, '0.000000000000000001']);
    expect((await api.admin.delete('/v1/treasury-rules/TOKEN')).status).toBe(204);
  });

  test.each([
    ['no minimum', 'ETH', { maxFee: '1' }, [400, 'INVALID_REQUEST', '/minAmount']],
    ['no cap', 'ETH', { minAmount: '1' }, [400, 'INVALID_REQUEST', '/maxFee']],
    ['an asset that is not there', 'NONE', rule, [404, 'ASSET_NOT_FOUND']],
    ['an asset on no chain', 'USD', rule, [409, 'WRONG_KIND']],
    [
      'marks in a wrong order',
      'ETH',
      { ...rule, lowWater: '5', highWater: '5' },
      [400, 'INVALID_REQUEST', '/highWater'],
    ],
    [
      'more decimals',
      'USD',
      { ...rule, minAmount: '0.001' },
      [400, 'INVALID_AMOUNT', '/minAmount'],
    ],
    [
      'a cap of parts of a wei, also for tokens',
      'TOKEN',
      { minAmount: '1', maxFee: '0.0000000000000000001' },
      [400, 'INVALID_AMOUNT', '/maxFee'],
    ],
  ])('refuse %s', async (_what, asset, body, fault) => {
    expect(faultOf(await put(asset, body))).toEqual(fault);
  });

  test('are an admin’s to set', async () => {
    const shop = await api.client('shop', 'read', 'transfer', 'operate');
    expect(faultOf(await shop.put('/v1/treasury-rules/ETH', rule))).toEqual([403, 'FORBIDDEN']);
  });
});

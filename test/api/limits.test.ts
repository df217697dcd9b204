import { beforeAll, describe, expect, test } from 'vitest';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
  await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
  await api.admin.post('/v1/assets', { code: 'EUR', scale: 2 });
  await api.admin.post('/v1/wallets', { id: 'alice', owner: 'alice', asset: 'USD' });
});

const DAILY = { asset: 'USD', window: 'day', amount: '100.00', kinds: ['withdrawal'] };

describe('PUT /v1/limits/{id}', () => {
  test('sets a limit for an owner, and sets it anew', async () => {
    const put = await api.admin.put('/v1/limits/alice-daily', { ...DAILY, owner: 'alice' });
    expect(put.status).toBe(200);
    expect(put.body).toEqual({
      id: 'alice-daily',
      asset: 'USD',
      owner: 'alice',
      wallet: null,
      window: 'day',
      amount: '100',
      kinds: ['withdrawal'],
    });
    const again = await api.admin.put('/v1/limits/alice-daily', {
      ...DAILY,
      owner: 'alice',
      amount: '5',
    });
    expect([again.status, again.body.amount]).toEqual([200, '5']);
  });

  test('sets a limit for one wallet', async () => {
    const { body } = await api.admin.put('/v1/limits/w', { ...DAILY, wallet: 'alice' });
    expect([body.owner, body.wallet]).toEqual([null, 'alice']);
  });

  test.each([
    ['neither', DAILY, [400, 'INVALID_REQUEST', '/owner']],
    ['both', { ...DAILY, owner: 'a', wallet: 'alice' }, [400, 'INVALID_REQUEST', '/owner']],
    ['week', { ...DAILY, owner: 'a', window: 'week' }, [400, 'INVALID_REQUEST', '/window']],
    ['no kinds', { ...DAILY, owner: 'a', kinds: [] }, [400, 'INVALID_REQUEST', '/kinds']],
    [
      'deposits',
      { ...DAILY, owner: 'a', kinds: ['deposit'] },
      [400, 'INVALID_REQUEST', '/kinds/0'],
    ],
    ['a number', { ...DAILY, owner: 'a', amount: 5 }, [400, 'INVALID_AMOUNT', '/amount']],
    ['decimals', { ...DAILY, owner: 'a', amount: '0.001' }, [400, 'INVALID_AMOUNT', '/amount']],
    ['an asset', { ...DAILY, owner: 'a', asset: 'NONE' }, [404, 'ASSET_NOT_FOUND']],
    ['a wallet', { ...DAILY, wallet: 'nobody' }, [404, 'WALLET_NOT_FOUND']],
    ['another asset', { ...DAILY, wallet: 'alice', asset: 'EUR' }, [422, 'ASSET_MISMATCH']],
  ])('refuses %s', async (_what, body, fault) => {
    expect(faultOf(await api.admin.put('/v1/limits/x', body))).toEqual(fault);
  });

  test('refuses an id with other characters', async () => {
    const put = await api.admin.put('/v1/limits/a%20b', { ...DAILY, owner: 'a' });
    expect(faultOf(put)).toEqual([400, 'INVALID_REQUEST', '/id']);
  });
});

describe('GET and DELETE /v1/limits', () => {
  test('read, list by id, and take away', async () => {
    await api.admin.put('/v1/limits/a', { ...DAILY, owner: 'a' });
    await api.admin.put('/v1/limits/b', { ...DAILY, owner: 'b' });
    expect((await api.admin.get('/v1/limits/a')).body.owner).toBe('a');
    const { body } = await api.admin.get('/v1/limits?limit=1');
    expect(body.data[0].id).toBe('a');
    expect((await api.admin.delete('/v1/limits/a')).status).toBe(204);
    expect(faultOf(await api.admin.get('/v1/limits/a'))).toEqual([404, 'NOT_FOUND']);
    expect(faultOf(await api.admin.delete('/v1/limits/a'))).toEqual([404, 'NOT_FOUND']);
  });
});

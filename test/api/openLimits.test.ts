import { beforeAll, describe, expect, test } from 'vitest';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
  await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
});

const put = (id: string, body: object) => api.admin.put(`/v1/open-limits/${id}`, body);

describe('/v1/open-limits', () => {
  test('are set, read, listed and taken away', async () => {
    const made = await put('a', { asset: 'USD', withdrawals: 5, amount: '100.50' });
    const body = { asset: 'USD', owner: null, eachOwner: false, withdrawals: 5, amount: '100.5' };
    expect([made.status, made.body]).toEqual([200, { id: 'a', ...body }]);
    const again = await put('a', { asset: 'USD', eachOwner: true, withdrawals: 0 });
    expect(again.body).toMatchObject({ eachOwner: true, withdrawals: 0, amount: null });
    expect((await api.admin.get('/v1/open-limits/a')).body).toEqual(again.body);
    expect((await api.admin.get('/v1/open-limits')).body.data).toEqual([again.body]);
    expect((await api.admin.delete('/v1/open-limits/a')).status).toBe(204);
    expect(faultOf(await api.admin.get('/v1/open-limits/a'))).toEqual([404, 'NOT_FOUND']);
    expect(faultOf(await api.admin.delete('/v1/open-limits/a'))).toEqual([404, 'NOT_FOUND']);
  });

  test.each([
    ['no bound', { asset: 'USD' }, [400, 'INVALID_REQUEST', '/amount']],
    ['decimals', { asset: 'USD', amount: '0.001' }, [400, 'INVALID_AMOUNT', '/amount']],
    ['an asset', { asset: 'NONE', withdrawals: 1 }, [404, 'ASSET_NOT_FOUND']],
    ['half', { asset: 'USD', withdrawals: 1.5 }, [400, 'INVALID_REQUEST', '/withdrawals']],
    [
      'two scopes',
      { asset: 'USD', owner: 'a', eachOwner: true, withdrawals: 1 },
      [400, 'INVALID_REQUEST', '/eachOwner'],
    ],
  ])('refuse %s', async (_what, body, fault) => {
    expect(faultOf(await put('x', body))).toEqual(fault);
  });

  test('are an admin’s to set', async () => {
    const shop = await api.client('shop', 'read', 'transfer', 'operate');
    const body = { asset: 'USD', withdrawals: 1 };
    expect(faultOf(await shop.put('/v1/open-limits/x', body))).toEqual([403, 'FORBIDDEN']);
  });
});

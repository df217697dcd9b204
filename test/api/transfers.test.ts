import { beforeAll, expect, test } from 'vitest';
import { createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi({ sagas: true });
});
test('x', async () => {
  await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
  const w = await api.admin.post('/v1/wallets', { owner: 'a', asset: 'USD', id: 'a' });
  await api.admin.post('/v1/wallets', { owner: 'b', asset: 'USD', id: 'b' });
  const t = await api.admin.post(
    '/v1/transfers',
    {
      legs: [
        { wallet: 'external:USD', type: 'DEBIT', amount: '100' },
        { wallet: 'a', type: 'CREDIT', amount: '100' },
      ],
    },
    { key: 'fund' },
  );
  console.log(t.status, t.body);
  const h = await api.admin.post(
    '/v1/transfers',
    {
      settle: 'manual',
      legs: [
        { wallet: 'a', type: 'DEBIT', amount: '10' },
        { wallet: 'b', type: 'CREDIT', amount: '10' },
      ],
    },
    { key: 'a/b?c%d#e' },
  );
  console.log(h.status, JSON.stringify(h.body));
  const id = encodeURIComponent(h.body.id);
  const s = await api.admin.post(
    `/v1/transfers/${id}/settle`,
    {
      legs: [
        { leg: 1, amount: '4' },
        { leg: 2, amount: '4.0' },
      ],
      final: false,
    },
    { key: 's' },
  );
  console.log(s.status, JSON.stringify(s.body));
  const s2 = await api.admin.post(
    `/v1/transfers/${id}/settle`,
    {
      legs: [
        { leg: 2, amount: '4' },
        { leg: 1, amount: '5' },
      ],
    },
    { key: 's' },
  );
  console.log(s2.status, JSON.stringify(s2.body));
  const r = await api.admin.post(`/v1/transfers/${id}/cancel`, { reason: 'no' });
  console.log(r.status, JSON.stringify(r.body));
  console.log((await api.admin.get(`/v1/transfers/${id}/entries`)).body.data.length);
  console.log(JSON.stringify((await api.admin.get(`/v1/transfers/${id}/timeline`)).body));
  const v = await api.admin.post(`/v1/transfers/${id}/reverse`, { reason: 'no', amount: '1' });
  console.log(v.status, JSON.stringify(v.body));
  console.log((await api.admin.get('/v1/reconciliation')).body);
});

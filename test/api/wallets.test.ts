import { beforeAll, expect, test } from 'vitest';
import { createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
test('x', async () => {
  const asset = await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
  console.log(asset.status, asset.body);
  const w = await api.admin.post('/v1/wallets', { owner: 'a', asset: 'USD', id: 'a' });
  console.log(w.status, w.body);
  console.log((await api.admin.get('/v1/wallets/a/balance')).body);
  console.log(
    (await api.admin.post('/v1/wallets', { owner: 'a', asset: 'USD', id: 'a', x: 1 })).body,
  );
});

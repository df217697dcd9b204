/** Addresses on a real node; nothing is sent to them here. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { depositXpub } from '../../src/withdrawals/developmentKeys.ts';
import { createChainWorld } from '../chains/chainWorld.ts';
import { MNEMONIC } from '../chains/node.ts';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';

let api: TestApi;
let shop: TestClient;
let bank: TestClient;

beforeAll(async () => {
  const world = await createChainWorld();
  await world.follow();
  const { db, chain, database } = world;
  const door = createChainDoor({ db, chain, xpub: depositXpub(MNEMONIC) });
  api = await createTestApi({ database, chain: { door, activities: {} } });
  shop = await api.client('shop', 'read', 'transfer');
  bank = await api.client('bank', 'read', 'operate');
  await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
});

async function openWallet(id: string, asset: string, owner = id): Promise<void> {
  expect((await shop.post('/v1/wallets', { id, owner, asset })).status).toBe(201);
}

describe('POST and GET /v1/deposit-addresses', () => {
  const ask = (body: object) => shop.post('/v1/deposit-addresses', body, { key: null });

  test('hands out one address for all assets of an owner, the same one again', async () => {
    await openWallet('amy:ETH', 'ETH', 'amy');
    await openWallet('amy:USDX', 'USDX', 'amy');
    const first = await ask({ wallet: 'amy:ETH' });
    expect(first.status).toBe(201);
    expect(first.body).toEqual({
      address: expect.stringMatching(/^0x[0-9a-fA-F]{40}$/),
      chain: 'eip155:31337',
      wallet: 'amy:ETH',
    });
    const again = await ask({ wallet: 'amy:ETH', new: false });
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect((await ask({ wallet: 'amy:USDX' })).body.address).toBe(first.body.address);
    const further = await ask({ wallet: 'amy:ETH', new: true });
    expect(further.status).toBe(201);
    expect(further.body.address).not.toBe(first.body.address);
    const { body } = await shop.get('/v1/deposit-addresses?wallet=amy:ETH');
    expect(body).toEqual({ data: [further.body, first.body], nextCursor: null });
  });

  test('lists them in pages', async () => {
    await openWallet('many', 'ETH');
    for (let count = 0; count < 3; count++) await ask({ wallet: 'many', new: true });
    const list = async (query: string) =>
      (await shop.get(`/v1/deposit-addresses?wallet=many${query}`)).body;
    const whole = await list('');
    const first = await list('&limit=2');
    expect(first.data).toEqual(whole.data.slice(0, 2));
    await ask({ wallet: 'many', new: true });
    const second = await list(`&limit=2&cursor=${first.nextCursor}`);
    expect(second).toEqual({ data: whole.data.slice(2), nextCursor: null });
    for (const query of ['&limit=0', '&cursor=abc', '&cursor=WyIweDEyIl0']) {
      const { status } = await shop.get(`/v1/deposit-addresses?wallet=many${query}`);
      expect(status, query).toBe(400);
    }
  });

  test('has none for wallets of the system, nor for closed ones', async () => {
    expect(faultOf(await ask({ wallet: 'external:ETH' }))).toEqual([403, 'FORBIDDEN', '/wallet']);
    const asked = await api.admin.post('/v1/deposit-addresses', { wallet: 'external:ETH' });
    expect(faultOf(asked)).toEqual([400, 'INVALID_REQUEST', '/wallet']);
    await openWallet('shut', 'ETH');
    await bank.post('/v1/wallets/shut/close', { reason: 'moved away' }, { key: null });
    expect(faultOf(await ask({ wallet: 'shut' }))).toEqual([409, 'WALLET_NOT_OPEN']);
  });

  test('refuses chainless wallets, unknown ones, and chains that are not followed', async () => {
    await openWallet('cash', 'USD');
    expect(faultOf(await ask({ wallet: 'cash' }))).toEqual([400, 'INVALID_REQUEST', '/wallet']);
    expect((await shop.get('/v1/deposit-addresses?wallet=cash')).body.data).toEqual([]);
    expect(faultOf(await ask({ wallet: 'ghost' }))).toEqual([404, 'WALLET_NOT_FOUND']);
    expect(faultOf(await shop.get('/v1/deposit-addresses?wallet=ghost'))).toEqual([
      404,
      'WALLET_NOT_FOUND',
    ]);
    expect(faultOf(await shop.get('/v1/deposit-addresses'))).toEqual([
      400,
      'INVALID_REQUEST',
      '/wallet',
    ]);
    await api.admin.post('/v1/assets', { code: 'FAR', scale: 18, chain: 'eip155:10' });
    await openWallet('far', 'FAR');
    expect(faultOf(await ask({ wallet: 'far' }))).toEqual([503, 'CHAIN_UNAVAILABLE']);
  });
});

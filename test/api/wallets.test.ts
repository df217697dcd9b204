import { beforeAll, describe, expect, test } from 'vitest';
import { createWalletCatalog } from '../../src/api/walletCatalog.ts';
import type { Db } from '../../src/db/pool.ts';
import { createWallet } from '../../src/ledger/wallets.ts';
import { balanceOf, credit, debit, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';

let api: TestApi;
let reader: TestClient;
let shop: TestClient;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  reader = await api.client('reader', 'read');
  shop = await api.client('shop', 'read', 'transfer');
  await makeAsset(api, 'USD');
  await makeAsset(api, 'EUR');
});

describe('POST /v1/wallets', () => {
  test('opens a wallet with its defaults', async () => {
    const { status, body } = await shop.post('/v1/wallets', {
      id: 'alice:USD',
      owner: 'alice',
      asset: 'USD',
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: 'alice:USD',
      owner: 'alice',
      asset: 'USD',
      kind: 'user',
      status: 'OPEN',
      balance: { available: '0', pendingIn: '0', held: '0', settled: '0' },
      version: 0,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
      metadata: {},
    });
    expect((await reader.get('/v1/wallets/alice:USD')).body).toEqual(body);
    expect((await reader.get('/v1/wallets/alice%3AUSD')).body).toEqual(body);
  });

  test('makes an id where none is given, a new one each time', async () => {
    const ids = [];
    for (let count = 0; count < 2; count++) {
      const { status, body } = await shop.post('/v1/wallets', { owner: 'x', asset: 'USD' });
      expect(status).toBe(201);
      ids.push(body.id);
    }
    expect(new Set(ids).size).toBe(2);
  });

  test.each(['.', '..'])('opens none that no URL can name: %s', async (id) => {
    const wallet = { id, owner: 'dots', asset: 'USD' };
    const answer = await shop.post('/v1/wallets', wallet);
    expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/id']);
    await createWallet(api.db.pool, wallet);
    expect((await shop.post('/v1/wallets', wallet)).status, 'one from before').toBe(200);
  });

  test('again with the same body is 200, with another one WALLET_EXISTS', async () => {
    const wallet = { id: 'again', owner: 'a', asset: 'USD', metadata: { x: { y: 1, z: 2 } } };
    expect((await shop.post('/v1/wallets', wallet)).status).toBe(201);
    const same = { ...wallet, kind: 'user', metadata: { x: { z: 2, y: 1 } } };
    expect((await shop.post('/v1/wallets', same)).status).toBe(200);
    for (const other of [{ owner: 'b' }, { asset: 'EUR' }, { kind: 'escrow' }, { metadata: {} }]) {
      const answer = await shop.post('/v1/wallets', { ...wallet, ...other });
      expect(faultOf(answer)).toEqual([409, 'WALLET_EXISTS']);
    }
  });

  test('takes merchant and escrow, and system kinds with admin only', async () => {
    for (const kind of ['merchant', 'escrow']) {
      const { status } = await shop.post('/v1/wallets', { owner: 'x', asset: 'USD', kind });
      expect(status).toBe(201);
    }
    for (const kind of ['system', 'external', 'fees', 'shortfall', 'treasury', 'unattributed']) {
      const wallet = { id: `own-${kind}`, owner: 'x', asset: 'USD', kind };
      expect(faultOf(await shop.post('/v1/wallets', wallet))).toEqual([403, 'FORBIDDEN', '/kind']);
    }
    const system = { id: 'float', owner: 'x', asset: 'USD', kind: 'system' };
    expect((await api.admin.post('/v1/wallets', system)).status).toBe(201);
  });

  test('of an unknown asset is ASSET_NOT_FOUND', async () => {
    const answer = await shop.post('/v1/wallets', { owner: 'x', asset: 'NONE' });
    expect(faultOf(answer)).toEqual([404, 'ASSET_NOT_FOUND']);
  });

  test.each([
    [{ id: 'a b' }, '/id'],
    [{ id: '' }, '/id'],
    [{ id: 'a'.repeat(65) }, '/id'],
    [{ id: 'a/b' }, '/id'],
    [{ owner: '' }, '/owner'],
    [{ owner: null }, '/owner'],
    [{ kind: 'bank' }, '/kind'],
    [{ metadata: [] }, '/metadata'],
  ])('refuses %j', async (part, pointer) => {
    const answer = await shop.post('/v1/wallets', { owner: 'x', asset: 'USD', ...part });
    expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', pointer]);
  });

  test('keeps the ids that belong to an asset', async () => {
    for (const client of [shop, api.admin]) {
      const wallet = { id: 'external:GBP', owner: 'x', asset: 'USD' };
      const answer = await client.post('/v1/wallets', wallet);
      expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/id']);
    }
  });
});

describe('GET /v1/wallets', () => {
  test('lists by owner, asset and kind, newest first', async () => {
    for (const [id, asset, kind] of [
      ['o1', 'USD', 'user'],
      ['o2', 'EUR', 'user'],
      ['o3', 'USD', 'escrow'],
    ]) {
      await shop.post('/v1/wallets', { id, owner: 'olga', asset, kind });
    }
    const listed = async (query: string) => {
      const { body } = await reader.get(`/v1/wallets?${query}`);
      return body.data.map(({ id }: { id: string }) => id);
    };
    expect(await listed('owner=olga')).toEqual(['o3', 'o2', 'o1']);
    expect(await listed('owner=olga&asset=USD')).toEqual(['o3', 'o1']);
    expect(await listed('owner=olga&kind=escrow')).toEqual(['o3']);
    expect(await listed('owner=nobody')).toEqual([]);
  });

  test('a read creates nothing', async () => {
    expect(faultOf(await reader.get('/v1/wallets/nobody'))).toEqual([404, 'WALLET_NOT_FOUND']);
    expect((await reader.get('/v1/wallets/nobody')).status).toBe(404);
    for (const path of ['balance', 'entries']) {
      expect(faultOf(await reader.get(`/v1/wallets/nobody/${path}`))).toEqual([
        404,
        'WALLET_NOT_FOUND',
      ]);
    }
  });
});

describe('GET /v1/wallets/{id}/balance', () => {
  test('tells what stood at a time in any spelling; holds count until they end', async () => {
    await openWallet(api, 'history', 'USD', '10');
    await openWallet(api, 'other', 'USD');
    const legs = [debit('history', '4'), credit('other', '4')];
    const held = await shop.post('/v1/transfers', { legs, settle: 'manual' });
    const settled = await shop.post(pathOf(held, '/settle'));
    const at = async (time: string) => {
      const path = `/v1/wallets/history/balance?at=${encodeURIComponent(time)}`;
      const { status, body } = await reader.get(path);
      return [status, body.available, body.held, body.settled, body.version];
    };
    expect(await at(held.body.createdAt)).toEqual([200, '6', '4', '10', 3]);
    expect(await at(held.body.createdAt.replace('Z', '999Z'))).toEqual([200, '6', '4', '10', 3]);
    expect(await at(settled.body.finishedAt)).toEqual([200, '6', '0', '6', 4]);
    const opened = await reader.get('/v1/wallets/history');
    expect(await at(opened.body.createdAt)).toEqual([200, '0', '0', '0', 0]);
    expect(await at('2001-01-01T00:00:00+05:30')).toEqual([200, '0', '0', '0', 0]);
    const now = await reader.get('/v1/wallets/history/balance');
    expect(now.body).toEqual({
      available: '6',
      pendingIn: '0',
      held: '0',
      settled: '6',
      version: 4,
      at: expect.stringMatching(/\.\d{6}Z$/),
    });
  });

  test('echoes the time in UTC with six digits', async () => {
    const path = '/v1/wallets/history/balance?at=2020-01-01T02:00:00.5%2B02:00';
    expect((await reader.get(path)).body.at).toBe('2020-01-01T00:00:00.500000Z');
  });

  test('of a time to come, or of what is no time, is 400', async () => {
    for (const time of [
      new Date(Date.now() + 60_000).toISOString(),
      'yesterday',
      '',
      '2020-01-01',
    ]) {
      const answer = await reader.get(`/v1/wallets/history/balance?at=${time}`);
      expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/at']);
    }
  });
});

describe('GET /v1/wallets/{id}/entries', () => {
  test('lists by status, type and time, newest first', async () => {
    await openWallet(api, 'e1', 'USD', '10');
    await openWallet(api, 'e2', 'USD');
    const legs = [debit('e1', '3'), credit('e2', '3')];
    const { body: group } = await shop.post('/v1/transfers', { legs });
    const listed = async (query: string) => {
      const { body } = await reader.get(`/v1/wallets/e1/entries?${query}`);
      return body.data.map((e: Record<string, string>) => `${e.status} ${e.amount}`);
    };
    expect(await listed('')).toEqual(['SETTLED -3', 'HOLD -3', 'SETTLED 10', 'HOLD 10']);
    expect(await listed('status=SETTLED')).toEqual(['SETTLED -3', 'SETTLED 10']);
    expect(await listed('type=DEBIT')).toEqual(['SETTLED -3', 'HOLD -3']);
    expect(await listed(`from=${group.createdAt}`)).toEqual(['SETTLED -3', 'HOLD -3']);
    expect(await listed(`to=${group.createdAt}`)).toEqual(['SETTLED 10', 'HOLD 10']);
    expect(await listed('status=RELEASED')).toEqual([]);
  });

  test('refuses words that are no status, type or time', async () => {
    for (const [name, value] of [
      ['status', 'held'],
      ['type', 'debit'],
      ['from', 'now'],
      ['to', '1'],
    ]) {
      const answer = await reader.get(`/v1/wallets/e1/entries?${name}=${value}`);
      expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', `/${name}`]);
    }
  });
});

describe('freeze, unfreeze, close', () => {
  const act = (id: string, name: string, body: object = { reason: 'a question' }) =>
    api.admin.post(`/v1/wallets/${id}/${name}`, body, { key: null });

  test('freezing refuses new debits; credits and open holds go on', async () => {
    await openWallet(api, 'f', 'USD', '10');
    await openWallet(api, 'g', 'USD', '10');
    const legs = [debit('f', '4'), credit('g', '4')];
    const held = await shop.post('/v1/transfers', { legs, settle: 'manual' });
    const frozen = await act('f', 'freeze');
    expect([frozen.status, frozen.body.status]).toEqual([200, 'FROZEN']);
    const changes = 'select status, reason, actor from wallet_status_changes where wallet_id = $1';
    expect((await api.db.owner.query(changes, ['f'])).rows).toEqual([
      { status: 'FROZEN', reason: 'a question', actor: 'admin' },
    ]);
    expect(faultOf(await shop.post('/v1/transfers', { legs }))).toEqual([409, 'WALLET_NOT_OPEN']);
    expect((await shop.post(pathOf(held, '/settle'))).status).toBe(200);
    const back = [debit('g', '1'), credit('f', '1')];
    expect((await shop.post('/v1/transfers', { legs: back })).status).toBe(201);
    expect((await act('f', 'unfreeze')).body.status).toBe('OPEN');
    expect((await shop.post('/v1/transfers', { legs })).status).toBe(201);
  });

  test('closing needs an all-zero balance and refuses both ways', async () => {
    await openWallet(api, 'c', 'USD', '1');
    expect(faultOf(await act('c', 'close'))).toEqual([409, 'WALLET_NOT_EMPTY']);
    await shop.post('/v1/transfers', { legs: [debit('c', '1'), credit('g', '1')] });
    expect((await act('c', 'close')).body.status).toBe('CLOSED');
    const legs = [debit('g', '1'), credit('c', '1')];
    expect(faultOf(await shop.post('/v1/transfers', { legs }))).toEqual([409, 'WALLET_NOT_OPEN']);
    expect(faultOf(await act('c', 'unfreeze'))).toEqual([409, 'WALLET_NOT_OPEN']);
    expect(await balanceOf(api, 'c')).toEqual(['0', '0', '0']);
  });

  test('need a reason and a wallet', async () => {
    for (const name of ['freeze', 'unfreeze', 'close']) {
      expect(faultOf(await act('g', name, {}))).toEqual([400, 'INVALID_REQUEST', '/reason']);
      expect(faultOf(await act('nobody', name))).toEqual([404, 'WALLET_NOT_FOUND']);
    }
  });
});

test('what never changes about wallets is remembered, of so many and no more', async () => {
  let reads = 0;
  const query = (...asked: Parameters<Db['query']>) => {
    reads += 1;
    return api.db.pool.query(...asked);
  };
  const wallets = createWalletCatalog({ query } as unknown as Db, 2);
  for (const id of ['one', 'two', 'three']) await openWallet(api, id, 'USD');
  const readsFor = async (...ids: string[]) => {
    reads = 0;
    for (const id of ids) expect(await wallets.wallet(id)).toMatchObject({ asset: 'USD' });
    return reads;
  };
  // Each wallet once, and its asset.
  expect(await readsFor('one', 'two', 'one', 'two')).toBe(3);
  expect(await readsFor('three', 'two', 'three')).toBe(1);
  expect(await readsFor('one')).toBe(1);
});

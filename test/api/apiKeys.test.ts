import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { createKeyring } from '../../src/api/keyring.ts';
import type { Db } from '../../src/db/pool.ts';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi();
});

describe('POST /v1/api-keys', () => {
  test('shows the key once and stores its hash alone', async () => {
    const { status, headers, body } = await api.admin.post('/v1/api-keys', {
      name: 'Shop Berlin (test)',
      scopes: ['read', 'transfer', 'read'],
    });
    expect(status).toBe(201);
    expect(headers.get('Cache-Control')).toBe('no-store');
    expect(body).toEqual({
      id: expect.any(String),
      name: 'Shop Berlin (test)',
      client: 'shop-berlin-test',
      scopes: ['read', 'transfer'],
      key: expect.any(String),
    });
    const { rows } = await api.db.owner.query('select k::text as row from api_keys k');
    expect(rows.some(({ row }) => row.includes(body.key))).toBe(false);
    expect((await api.withKey(body.key).get('/v1/wallets')).status).toBe(200);
  });

  test('takes a client that other keys have', async () => {
    for (const name of ['old', 'new']) {
      const { body } = await api.admin.post('/v1/api-keys', {
        name,
        client: 'rotated',
        scopes: ['read'],
      });
      expect(body.client).toBe('rotated');
    }
  });

  test.each([
    [{ scopes: ['read'] }, '/name'],
    [{ name: '', scopes: ['read'] }, '/name'],
    [{ name: 'x', scopes: [] }, '/scopes'],
    [{ name: 'x' }, '/scopes'],
    [{ name: 'x', scopes: ['root'] }, '/scopes/0'],
    [{ name: 'x', scopes: ['read'], client: 'Shop' }, '/client'],
    [{ name: 'x', scopes: ['read'], client: 'a:b' }, '/client'],
    [{ name: 'x', scopes: ['read'], client: 'a'.repeat(65) }, '/client'],
    [{ name: '日本', scopes: ['read'] }, '/client'],
  ])('refuses %j', async (body, pointer) => {
    expect(faultOf(await api.admin.post('/v1/api-keys', body))).toEqual([
      400,
      'INVALID_REQUEST',
      pointer,
    ]);
  });

  test('keeps names that stand for something else where a client stands', async () => {
    const books = ['chain', 'custody', 'ledger', 'policy', 'risk', 'treasury'];
    for (const client of [...books, 'saga', 'watcher', 'sweeper', 'temporal-ui']) {
      const given = await api.admin.post('/v1/api-keys', { name: 'x', client, scopes: ['read'] });
      expect(faultOf(given)).toEqual([400, 'INVALID_REQUEST', '/client']);
      const made = await api.admin.post('/v1/api-keys', { name: client, scopes: ['read'] });
      expect(made.body.client).toBe(`${client}-client`);
    }
  });
});

describe('GET /v1/api-keys', () => {
  test('lists keys in force without their secrets, newest first', async () => {
    const { body: made } = await api.admin.post('/v1/api-keys', { name: 'seen', scopes: ['read'] });
    const { body } = await api.admin.get('/v1/api-keys?limit=1');
    const { key: _, ...shown } = made;
    expect(body.data).toEqual([shown]);
  });
});

describe('DELETE /v1/api-keys/{id}', () => {
  test('revokes at once, also a key that was used just now', async () => {
    const { body } = await api.admin.post('/v1/api-keys', { name: 'gone', scopes: ['read'] });
    const client = api.withKey(body.key);
    expect((await client.get('/v1/wallets')).status).toBe(200);
    expect((await api.admin.delete(`/v1/api-keys/${body.id}`)).status).toBe(204);
    expect(faultOf(await client.get('/v1/wallets'))).toEqual([401, 'UNAUTHENTICATED']);
    const { body: list } = await api.admin.get('/v1/api-keys?limit=200');
    expect(list.data.some(({ id }: { id: string }) => id === body.id)).toBe(false);
    expect(faultOf(await api.admin.delete(`/v1/api-keys/${body.id}`))).toEqual([404, 'NOT_FOUND']);
  });

  test('is seen by another process within a second', async () => {
    const { body } = await api.admin.post('/v1/api-keys', { name: 'far', scopes: ['read'] });
    const elsewhere = createKeyring(api.db.pool, 'another-bootstrap-key');
    expect(await elsewhere.find(body.key)).toMatchObject({ client: 'far' });
    await api.admin.delete(`/v1/api-keys/${body.id}`);
    await sleep(1_000);
    expect(await elsewhere.find(body.key)).toBeNull();
  });

  /** A keyring over the same keys, whose look-ups can be held up, and how many there were. */
  function slowKeyring(maxKeys?: number) {
    const held = { until: Promise.resolve(), lookups: 0 };
    const query = async (...asked: Parameters<Db['query']>) => {
      held.lookups += 1;
      const answer = await api.db.pool.query(...asked);
      await held.until;
      return answer;
    };
    const db = { query } as unknown as Db;
    return { held, keyring: createKeyring(db, 'another-bootstrap-key', maxKeys) };
  }
  const newKey = async () =>
    (await api.admin.post('/v1/api-keys', { name: 'slow', scopes: ['read'] })).body;

  test('holds for a key that is being looked up just then', async () => {
    const { key, id } = await newKey();
    const { held, keyring } = slowKeyring();
    const { promise, resolve } = Promise.withResolvers<void>();
    held.until = promise;
    const found = keyring.find(key);
    await expect.poll(() => held.lookups).toBe(1);
    // Long enough for the answer to be read from the table.
    await api.db.pool.query('select pg_sleep(0.05)');
    await api.admin.delete(`/v1/api-keys/${id}`);
    keyring.forget();
    resolve();
    await found;
    expect(await keyring.find(key)).toBeNull();
  });

  test('keys in use are remembered, so many and no more', async () => {
    const { held, keyring } = slowKeyring(2);
    const [one, two, three] = await Promise.all([newKey(), newKey(), newKey()]);
    for (const { key } of [one, two, two, three, three, two]) await keyring.find(key);
    expect(held.lookups).toBe(3);
    await keyring.find(one.key);
    expect(held.lookups).toBe(4);
  });
});

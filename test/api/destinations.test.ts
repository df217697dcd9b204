/** The allow-list of withdrawals, and the rules that make it binding. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { type ChainWorld, createChainWorld, HOT, XPUB } from '../chains/chainWorld.ts';
import { balanceOf, faultOf, makeAsset, openWallet } from './money.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';

/** Somebody outside, as EIP-55 spells it. */
const OUTSIDE = '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed';
const IBAN = 'DE02120300000000202051';

let world: ChainWorld;
let api: TestApi;
let shop: TestClient;
let chain: string;

beforeAll(async () => {
  world = await createChainWorld();
  await world.follow();
  chain = world.port.chain;
  const door = createChainDoor({ db: world.db, chain: world.chain, xpub: XPUB });
  const activities = { none: () => Promise.resolve() };
  api = await createTestApi({ database: world.database, sagas: true, chain: { door, activities } });
  shop = await api.client('shop', 'read', 'transfer');
});

const list = (owner: string, more: object = {}) =>
  shop.post('/v1/destinations', { owner, address: IBAN, ...more }, { key: null });
const rule = (id: string, body: object) => api.admin.put(`/v1/destination-rules/${id}`, body);

/** A withdrawal of 1 from a wallet of an asset with a rule of its own. */
async function ruled(asset: string, body: object) {
  await makeAsset(api, asset);
  await openWallet(api, `${asset}-w`, asset, '100');
  expect((await rule(asset, { asset, ...body })).status).toBe(200);
  const ask = (destination = IBAN) =>
    shop.post('/v1/withdrawals', { wallet: `${asset}-w`, amount: '1', destination });
  return { owner: `owner of ${asset}-w`, wallet: `${asset}-w`, ask };
}

describe('POST /v1/destinations', () => {
  test('lists an address once, in the form that withdrawals carry', async () => {
    const first = await list('alice', { chain, address: OUTSIDE.toLowerCase(), label: 'ledger' });
    expect(first.status).toBe(201);
    expect(first.body).toEqual({
      id: expect.any(String),
      owner: 'alice',
      chain,
      address: OUTSIDE,
      memo: null,
      label: 'ledger',
      status: 'ACTIVE',
      activeAt: first.body.createdAt,
      createdAt: expect.any(String),
      createdBy: 'shop',
      deletedAt: null,
      deletedBy: null,
    });
    const again = await list('alice', { chain, address: OUTSIDE });
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect((await list('bob', { chain, address: OUTSIDE })).status).toBe(201);
    expect((await list('alice', { chain, address: OUTSIDE, memo: '7' })).status).toBe(201);
  });

  test('twenty at once make one', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => list('crowd')));
    expect(all.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(new Set(all.map(({ body }) => body.id)).size).toBe(1);
  });

  test('refuses what nothing is ever paid to', async () => {
    for (const address of [`0x${'0'.repeat(40)}`, world.usdx, HOT]) {
      expect(faultOf(await list('alice', { chain, address }))).toEqual([
        422,
        'DESTINATION_NOT_ALLOWED',
      ]);
    }
  });

  test.each([
    ['no address', { chain: 'eip155:31337', address: '0x12' }, [400, 'INVALID_DESTINATION']],
    ['another checksum', { chain: 'eip155:31337', address: OUTSIDE.replace('aAe', 'Aae') }, [400]],
    ['another chain', { chain: 'eip155:5' }, [400, 'INVALID_REQUEST', '/chain']],
    ['no chain', { chain: 'ethereum' }, [400, 'INVALID_REQUEST', '/chain']],
    ['an empty label', { label: '' }, [400, 'INVALID_REQUEST', '/label']],
  ])('refuses %s', async (_what, body, fault) => {
    expect(faultOf(await list('alice', body)).slice(0, fault.length)).toEqual(fault);
  });
});

describe('a destination rule', () => {
  test('lets withdrawals go to listed destinations alone', async () => {
    const { owner, wallet, ask } = await ruled('LISTED', {});
    const refused = await ask();
    expect(faultOf(refused)).toEqual([422, 'DESTINATION_NOT_ALLOWED']);
    expect(refused.body.detail).toContain('POST /v1/destinations');
    await list('somebody else');
    expect((await ask()).status).toBe(422);
    await list(owner, { chain, address: OUTSIDE });
    expect((await ask(OUTSIDE)).status).toBe(422);
    expect(await balanceOf(api, wallet)).toEqual(['100', '0', '0']);

    const { body } = await list(owner);
    expect((await ask()).status).toBe(201);
    expect((await api.admin.delete(`/v1/destinations/${body.id}`)).status).toBe(204);
    expect((await ask()).status).toBe(422);
    expect((await list(owner)).status).toBe(201);
    expect((await ask()).status).toBe(201);
  });

  test('lets a new one wait, by the clock of the database', async () => {
    const { owner, ask } = await ruled('DELAYED', { activeAfterSeconds: 86_400 });
    const { body } = await list(owner);
    expect(body.status).toBe('PENDING');
    expect(Date.parse(body.activeAt) - Date.parse(body.createdAt)).toBe(86_400_000);
    const early = await ask();
    expect(faultOf(early)).toEqual([422, 'DESTINATION_NOT_ALLOWED']);
    expect(early.body.detail).toContain(body.activeAt);
    // A second later in place of a day.
    await rule('DELAYED', { asset: 'DELAYED', activeAfterSeconds: 1 });
    await expect.poll(async () => (await ask()).status, { timeout: 5_000 }).toBe(201);
  });

  test('of an owner asks that owner’s withdrawals alone; the longest delay counts', async () => {
    const { owner, ask } = await ruled('OWNED', { owner: 'nobody' });
    expect((await ask()).status).toBe(201);
    await rule('owner', { owner, activeAfterSeconds: 60 });
    await rule('owner-now', { owner });
    expect((await ask()).status).toBe(422);
    expect((await list(owner)).body.status).toBe('PENDING');
    expect((await api.admin.delete('/v1/destination-rules/owner')).status).toBe(204);
    expect((await ask()).status).toBe(201);
  });

  test('is asked again by the last approval: what was taken away gets nothing', async () => {
    const { owner, ask } = await ruled('LATER', {});
    await api.admin.put('/v1/approval-rules/later', { asset: 'LATER', approvals: 1 });
    const { body } = await list(owner);
    const withdrawal = await ask();
    expect(withdrawal.body.withdrawal.state).toBe('awaiting_approval');
    await shop.delete(`/v1/destinations/${body.id}`);
    const path = `/v1/withdrawals/${encodeURIComponent(withdrawal.body.id)}/approve`;
    const answer = await api.admin.post(path, { reason: 'looked at' }, { key: 'k' });
    expect(faultOf(answer)).toEqual([422, 'DESTINATION_NOT_ALLOWED']);
    await list(owner);
    const allowed = await api.admin.post(path, { reason: 'looked at' }, { key: 'k' });
    expect(allowed.body.withdrawal.state).toBe('held');
  });

  test('is set, read, listed and taken away by an admin', async () => {
    const put = await rule('mine', { asset: 'ETH', activeAfterSeconds: 5 });
    const body = { id: 'mine', asset: 'ETH', owner: null, activeAfterSeconds: 5 };
    expect([put.status, put.body]).toEqual([200, body]);
    expect((await shop.get('/v1/destination-rules/mine')).body).toEqual(body);
    expect((await shop.get('/v1/destination-rules')).body.data).toContainEqual(body);
    const asked = { asset: 'ETH' };
    expect(faultOf(await shop.put('/v1/destination-rules/x', asked))).toEqual([403, 'FORBIDDEN']);
    expect(faultOf(await rule('x', { asset: 'NONE' }))).toEqual([404, 'ASSET_NOT_FOUND']);
    expect((await api.admin.delete('/v1/destination-rules/mine')).status).toBe(204);
    expect(faultOf(await shop.get('/v1/destination-rules/mine'))).toEqual([404, 'NOT_FOUND']);
  });
});

describe('GET and DELETE /v1/destinations', () => {
  test('list an owner’s, newest first, page by page; those taken away on request', async () => {
    const ids: string[] = [];
    for (const address of ['a', 'b', 'c']) {
      ids.unshift((await list('lister', { address })).body.id);
    }
    const pages = await shop.get('/v1/destinations?owner=lister&limit=2');
    const rest = await shop.get(
      `/v1/destinations?owner=lister&limit=2&cursor=${pages.body.nextCursor}`,
    );
    const shown = [...pages.body.data, ...rest.body.data].map(({ id }) => id);
    expect(shown).toEqual(ids);
    await shop.delete(`/v1/destinations/${ids[0]}`);
    expect((await shop.get('/v1/destinations?owner=lister')).body.data).toHaveLength(2);
    const all = (await shop.get('/v1/destinations?owner=lister&deleted=true')).body.data;
    expect(all[0]).toMatchObject({ id: ids[0], status: 'DELETED', deletedBy: 'shop' });
    expect(all).toHaveLength(3);
  });

  test('of none is NOT_FOUND, also the second time', async () => {
    const { body } = await list('once');
    expect((await shop.delete(`/v1/destinations/${body.id}`)).status).toBe(204);
    expect(faultOf(await shop.delete(`/v1/destinations/${body.id}`))).toEqual([404, 'NOT_FOUND']);
  });

  test('by what it is takes away that one alone, in any spelling of the address', async () => {
    const deleted = (body: object) =>
      shop.send('DELETE', '/v1/destinations', {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ owner: 'named', ...body }),
      });
    const onChain = await list('named', { chain, address: OUTSIDE });
    const withMemo = await list('named', { memo: '7' });
    expect((await list('named')).status).toBe(201);
    expect(faultOf(await deleted({ address: IBAN, memo: '8' }))).toEqual([404, 'NOT_FOUND']);
    expect(faultOf(await deleted({}))).toEqual([400, 'INVALID_REQUEST', '/address']);
    const labelled = await deleted({ address: IBAN, label: 'bank' });
    expect(faultOf(labelled)).toEqual([400, 'INVALID_REQUEST', '/label']);
    const shown = async () =>
      (await shop.get('/v1/destinations?owner=named')).body.data.map(
        ({ id }: { id: string }) => id,
      );
    expect((await deleted({ address: IBAN })).status).toBe(204);
    expect(await shown()).toEqual([withMemo.body.id, onChain.body.id]);
    expect((await deleted({ chain, address: OUTSIDE.toLowerCase() })).status).toBe(204);
    expect(await shown()).toEqual([withMemo.body.id]);
    expect(faultOf(await deleted({ address: IBAN }))).toEqual([404, 'NOT_FOUND']);
  });

  test('leave rows that nobody rewrites', async () => {
    const { body } = await list('evidence');
    for (const sql of [
      `update destinations set created_at = now() - interval '1 day' where id = '${body.id}'`,
      `update destinations set address = 'x' where id = '${body.id}'`,
      `delete from destinations where id = '${body.id}'`,
    ]) {
      await expect(world.database.owner.query(sql)).rejects.toThrow();
    }
  });
});

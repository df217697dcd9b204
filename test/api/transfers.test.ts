import { beforeAll, describe, expect, test } from 'vitest';
import { balanceOf, credit, debit, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';
import { TEMPORAL_UI } from './testSagas.ts';

let api: TestApi;
let shop: TestClient;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  shop = await api.client('shop', 'read', 'transfer');
  await makeAsset(api, 'USD');
  await makeAsset(api, 'EUR');
  await makeAsset(api, 'WEI', 18);
  await makeAsset(api, 'ONE', 0);
});

describe('POST /v1/transfers, immediate', () => {
  test('moves money at once and answers 201 with the group', async () => {
    await openWallet(api, 'w1', 'USD', '10');
    await openWallet(api, 'w2', 'USD');
    const moved = await shop.post(
      '/v1/transfers',
      { legs: [debit('w1', '10.00'), credit('w2', '10')], reference: 'r-1', metadata: { a: [1] } },
      { key: 'first' },
    );
    expect(moved.status).toBe(201);
    expect(moved.headers.get('idempotency-replayed')).toBeNull();
    const { createdAt, finishedAt } = moved.body;
    expect(moved.body).toEqual({
      id: 'transfer:shop:first',
      kind: 'transfer',
      status: 'SETTLED',
      reason: null,
      legs: [
        {
          leg: 1,
          wallet: 'w1',
          asset: 'USD',
          type: 'DEBIT',
          amount: '10',
          settled: '10',
          remaining: '0',
        },
        {
          leg: 2,
          wallet: 'w2',
          asset: 'USD',
          type: 'CREDIT',
          amount: '10',
          settled: '10',
          remaining: '0',
        },
      ],
      expiresAt: null,
      createdAt,
      finishedAt,
      reference: 'r-1',
      metadata: { a: [1] },
      reverses: null,
      workflowId: 'transfer:shop:first',
      links: { temporalUi: expect.stringMatching(`^${TEMPORAL_UI}/.*transfer%3Ashop%3Afirst$`) },
    });
    expect(await balanceOf(api, 'w1')).toEqual(['0', '0', '0']);
    expect(await balanceOf(api, 'w2')).toEqual(['10', '0', '0']);
    expect((await shop.get(pathOf(moved))).body).toEqual(moved.body);
  });

  test('writes four entries, oldest first, that name the step and the key', async () => {
    const { body } = await shop.get(pathOf('transfer:shop:first', '/entries'));
    expect(body.nextCursor).toBeNull();
    expect(body.data.map((e: { status: string; amount: string }) => [e.status, e.amount])).toEqual([
      ['HOLD', '-10'],
      ['HOLD', '10'],
      ['SETTLED', '-10'],
      ['SETTLED', '10'],
    ]);
    expect(body.data[3]).toEqual({
      id: expect.any(String),
      groupId: 'transfer:shop:first',
      leg: 2,
      wallet: 'w2',
      asset: 'USD',
      type: 'CREDIT',
      status: 'SETTLED',
      amount: '10',
      operation: 'create:shop:first',
      walletVersion: 2,
      settledAfter: '10',
      heldAfter: '0',
      pendingInAfter: '0',
      createdAt: expect.stringMatching(/\.\d{6}Z$/),
    });
  });

  test('keeps 18 decimals and 38 digits', async () => {
    const amount = `${'9'.repeat(20)}.${'0'.repeat(17)}1`;
    await openWallet(api, 'fine', 'WEI', amount);
    expect(await balanceOf(api, 'fine')).toEqual([amount, '0', '0']);
    await openWallet(api, 'large', 'ONE', '9'.repeat(38));
    expect(await balanceOf(api, 'large')).toEqual(['9'.repeat(38), '0', '0']);
  });

  test('takes trailing zeros beyond the scale', async () => {
    await openWallet(api, 'zeros', 'ONE', '5.000');
    expect(await balanceOf(api, 'zeros')).toEqual(['5', '0', '0']);
  });

  test('carries metadata as large as a body may be', async () => {
    await openWallet(api, 'big-a', 'USD', '2');
    await openWallet(api, 'big-b', 'USD');
    const legs = [debit('big-a', '1'), credit('big-b', '1')];
    const metadata = { text: 'x'.repeat(1024 * 1024 - 300) };
    for (const settle of ['immediate', 'manual']) {
      const group = await shop.post('/v1/transfers', { legs, metadata, settle });
      expect([group.status, group.body.metadata]).toEqual([201, metadata]);
      if (settle === 'manual') expect((await shop.post(pathOf(group, '/settle'))).status).toBe(200);
    }
  });

  test('settles several assets at once when each balances', async () => {
    await openWallet(api, 'ua', 'USD', '10');
    await openWallet(api, 'ub', 'USD');
    await openWallet(api, 'ea', 'EUR');
    await openWallet(api, 'eb', 'EUR', '9');
    const legs = [debit('ua', '10'), credit('ub', '10'), debit('eb', '9'), credit('ea', '9')];
    expect((await shop.post('/v1/transfers', { legs })).status).toBe(201);
    expect(await balanceOf(api, 'ea')).toEqual(['9', '0', '0']);
  });
});

describe('POST /v1/transfers, manual', () => {
  test('holds, and says until when', async () => {
    await openWallet(api, 'm1', 'USD', '10');
    await openWallet(api, 'm2', 'USD');
    const legs = [debit('m1', '4'), credit('m2', '4')];
    const held = await shop.post('/v1/transfers', { legs, settle: 'manual', expiresIn: 60 });
    expect(held.status).toBe(201);
    expect(held.body).toMatchObject({ status: 'IN_PROGRESS', finishedAt: null, reason: null });
    expect(held.body.legs[0]).toMatchObject({ settled: '0', remaining: '4' });
    const seconds = Date.parse(held.body.expiresAt) - Date.parse(held.body.createdAt);
    expect(seconds).toBe(60_000);
    expect(await balanceOf(api, 'm1')).toEqual(['6', '0', '4']);
    expect(await balanceOf(api, 'm2')).toEqual(['0', '4', '0']);
  });

  test('waits a day where nothing is said, and may begin without legs', async () => {
    const { status, body } = await shop.post('/v1/transfers', { legs: [], settle: 'manual' });
    expect([status, body.legs]).toEqual([201, []]);
    expect(Date.parse(body.expiresAt) - Date.parse(body.createdAt)).toBe(86_400_000);
  });

  test('waits 90 days at most', async () => {
    const body = { legs: [], settle: 'manual' };
    const most = 90 * 86_400;
    expect((await shop.post('/v1/transfers', { ...body, expiresIn: most })).status).toBe(201);
    for (const expiresIn of [most + 1, 0, -1, 1.5, '60']) {
      const answer = await shop.post('/v1/transfers', { ...body, expiresIn });
      expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/expiresIn']);
    }
  });
});

describe('GET /v1/transfers', () => {
  test('lists by status, wallet, kind and reference, newest first', async () => {
    await openWallet(api, 'l1', 'USD', '10');
    await openWallet(api, 'l2', 'USD');
    const legs = [debit('l1', '1'), credit('l2', '1')];
    const ids = [];
    for (const reference of ['listed', 'listed', 'other']) {
      ids.push((await shop.post('/v1/transfers', { legs, reference })).body.id);
    }
    const listed = async (query: string) => {
      const { body } = await shop.get(`/v1/transfers?${query}`);
      return body.data.map(({ id }: { id: string }) => id);
    };
    expect(await listed('reference=listed')).toEqual([ids[1], ids[0]]);
    expect(await listed('wallet=l2')).toEqual([ids[2], ids[1], ids[0]]);
    expect(await listed('wallet=l2&status=IN_PROGRESS')).toEqual([]);
    expect(await listed('wallet=l2&status=SETTLED&kind=transfer&limit=1')).toEqual([ids[2]]);
    expect(await listed('wallet=l2&kind=deposit')).toEqual([]);
    expect(await listed('wallet=ghost')).toEqual([]);
  });

  test('refuses words that are no status or kind', async () => {
    expect(faultOf(await shop.get('/v1/transfers?status=DONE'))).toEqual([
      400,
      'INVALID_REQUEST',
      '/status',
    ]);
    expect(faultOf(await shop.get('/v1/transfers?kind=payment'))).toEqual([
      400,
      'INVALID_REQUEST',
      '/kind',
    ]);
  });

  test('says 404 for a group that is not there, and for what it would hold', async () => {
    for (const act of ['', '/entries', '/timeline']) {
      expect(faultOf(await shop.get(pathOf('transfer:shop:never', act)))).toEqual([
        404,
        'GROUP_NOT_FOUND',
      ]);
    }
  });
});

describe('ids', () => {
  test('hold any visible ASCII of the key, percent-encoded in paths', async () => {
    const keys = ['a/b', 'a?b', 'a%b', 'a#b', 'a%2Fb', '%', '+&=;,', '..', '\\"<>{}|^`', '~!@$*()'];
    for (const key of keys) {
      const made = await shop.post('/v1/transfers', { legs: [], settle: 'manual' }, { key });
      expect([made.status, made.body.id]).toEqual([201, `transfer:shop:${key}`]);
      expect((await shop.get(pathOf(made))).body.id).toBe(made.body.id);
      const ended = await shop.post(pathOf(made, '/cancel'), { reason: 'done' }, { key });
      expect([ended.status, ended.body.status]).toEqual([200, 'CANCELLED']);
      expect((await shop.get(pathOf(made, '/entries'))).body.data).toEqual([]);
      expect((await shop.get(pathOf(made, '/timeline'))).body.data).toHaveLength(2);
    }
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { balanceOf, credit, debit, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';

let api: TestApi;
let shop: TestClient;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  shop = await api.client('shop', 'read', 'transfer', 'operate');
  await makeAsset(api, 'USD');
  await openWallet(api, 'a', 'USD', '1000');
  await openWallet(api, 'b', 'USD');
});

const LEGS = [debit('a', '1'), credit('b', '1')];

describe('the Idempotency-Key header', () => {
  const paths: [string, object][] = [
    ['/v1/transfers', { legs: LEGS }],
    ['/v1/deposits', { wallet: 'a', amount: '1' }],
    ['/v1/withdrawals', { wallet: 'a', amount: '1', destination: 'x' }],
    ['/v1/transfers/x/settle', {}],
    ['/v1/transfers/x/legs', { legs: LEGS }],
    ['/v1/transfers/x/release', { reason: 'r' }],
    ['/v1/transfers/x/cancel', { reason: 'r' }],
    ['/v1/transfers/x/extend', { expiresIn: 1 }],
    ['/v1/transfers/x/reverse', { reason: 'r' }],
    ['/v1/deposits/x/confirm', {}],
    ['/v1/deposits/x/cancel', { reason: 'r' }],
    ['/v1/withdrawals/x/finalize', {}],
    ['/v1/withdrawals/x/release', { reason: 'r' }],
    ['/v1/withdrawals/x/approve', { reason: 'r' }],
    ['/v1/withdrawals/x/reject', { reason: 'r' }],
  ];

  test.each(paths)('is required on POST %s', async (path, body) => {
    const missing = await shop.post(path, body, { key: null });
    expect(faultOf(missing)).toEqual([400, 'IDEMPOTENCY_KEY_REQUIRED']);
    for (const key of ['', ' ', 'a b', 'x'.repeat(256), 'é', 'a\tb']) {
      const answer = await shop.post(path, body, { key });
      expect(faultOf(answer)).toEqual([400, 'INVALID_IDEMPOTENCY_KEY']);
    }
  });

  test('may be 255 characters long', async () => {
    const { status } = await shop.post('/v1/transfers', { legs: LEGS }, { key: 'x'.repeat(255) });
    expect(status).toBe(201);
  });
});

describe('the same key, the same meaning', () => {
  test('gets the first answer again, marked as replayed', async () => {
    const first = await shop.post('/v1/transfers', { legs: LEGS }, { key: 'same' });
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    for (let attempt = 0; attempt < 3; attempt++) {
      const again = await shop.post('/v1/transfers', { legs: LEGS }, { key: 'same' });
      expect(again.status).toBe(201);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect(again.body).toEqual(first.body);
    }
  });

  test('ignores field order, spelled-out defaults and how amounts are written', async () => {
    const first = await shop.post('/v1/transfers', { legs: LEGS }, { key: 'spelling' });
    const again = await shop.post(
      '/v1/transfers',
      {
        metadata: {},
        reference: null,
        settle: 'immediate',
        legs: [
          { amount: '1.00', asset: 'USD', type: 'DEBIT', wallet: 'a' },
          { amount: '1.0', type: 'CREDIT', wallet: 'b' },
        ],
      },
      { key: 'spelling' },
    );
    expect([again.status, again.body]).toEqual([201, first.body]);
    const manual = { legs: LEGS, settle: 'manual' };
    const held = await shop.post('/v1/transfers', manual, { key: 'default' });
    const spelled = { ...manual, expiresIn: 86_400 };
    const heldAgain = await shop.post('/v1/transfers', spelled, { key: 'default' });
    expect(heldAgain.body).toEqual(held.body);
  });

  test('ignores that a deposit names the first event of its transaction', async () => {
    const body = { wallet: 'a', amount: '1', txid: 'events' };
    const first = await shop.post('/v1/deposits', body, { key: 'events' });
    const again = await shop.post('/v1/deposits', { ...body, ordinal: 0 }, { key: 'events' });
    expect([again.status, again.body]).toEqual([201, first.body]);
    const other = await shop.post('/v1/deposits', { ...body, ordinal: 1 }, { key: 'events' });
    expect(faultOf(other)).toEqual([422, 'IDEMPOTENCY_KEY_REUSED', '/ordinal']);
    const named = { ...body, txid: 'named', ordinal: 0 };
    await shop.post('/v1/deposits', named, { key: 'named' });
    for (const ordinal of [0, null]) {
      const same = await shop.post('/v1/deposits', { ...named, ordinal }, { key: 'named' });
      expect(same.headers.get('idempotency-replayed')).toBe('true');
    }
  });

  test('replays acts, as they were answered then', async () => {
    const group = await shop.post('/v1/transfers', { legs: LEGS, settle: 'manual' });
    const settle = { legs: [1, 2].map((leg) => ({ leg, amount: '0.5' })), final: false };
    const first = await shop.post(pathOf(group, '/settle'), settle, { key: 's' });
    await shop.post(pathOf(group, '/cancel'), { reason: 'enough' });
    const again = await shop.post(pathOf(group, '/settle'), settle, { key: 's' });
    expect([again.status, again.body.status]).toEqual([200, 'IN_PROGRESS']);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  test('replays refusals, although funds came since', async () => {
    await openWallet(api, 'poor', 'USD');
    const legs = [debit('poor', '5'), credit('b', '5')];
    const first = await shop.post('/v1/transfers', { legs }, { key: 'poor' });
    expect(faultOf(first)).toEqual([422, 'INSUFFICIENT_FUNDS']);
    await api.admin.post('/v1/transfers', {
      legs: [debit('external:USD', '9'), credit('poor', '9')],
    });
    const again = await shop.post('/v1/transfers', { legs }, { key: 'poor' });
    expect([again.status, again.body]).toEqual([422, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(
      (await shop.post('/v1/transfers', { legs }, { key: 'poor 2'.replace(' ', '-') })).status,
    ).toBe(201);
  });

  test('replays the refusal of an act and of an unknown wallet', async () => {
    const group = await shop.post('/v1/transfers', { legs: LEGS, settle: 'manual' });
    const tooMuch = { legs: [1, 2].map((leg) => ({ leg, amount: '2' })) };
    const refused = await shop.post(pathOf(group, '/settle'), tooMuch, { key: 'r' });
    const again = await shop.post(pathOf(group, '/settle'), tooMuch, { key: 'r' });
    expect([again.status, again.body]).toEqual([422, refused.body]);
    const legs = [debit('later', '1'), credit('b', '1')];
    expect((await shop.post('/v1/transfers', { legs }, { key: 'later' })).status).toBe(404);
    await openWallet(api, 'later', 'USD', '5');
    const late = await shop.post('/v1/transfers', { legs }, { key: 'later' });
    expect(faultOf(late)).toEqual([404, 'WALLET_NOT_FOUND']);
  });

  test('has one effect when it comes 25 times at once', async () => {
    await openWallet(api, 'race', 'USD', '100');
    const body = { legs: [debit('race', '10'), credit('b', '10')] };
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => shop.post('/v1/transfers', body, { key: 'race' })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body: { id } }) => id)).size).toBe(1);
    const fresh = answers.filter(({ headers }) => !headers.has('idempotency-replayed'));
    expect(fresh).toHaveLength(1);
    expect(await balanceOf(api, 'race')).toEqual(['90', '0', '0']);
  });

  test('survives the rotation of the client’s keys, and is no other client’s', async () => {
    const first = await shop.post('/v1/transfers', { legs: LEGS }, { key: 'rotation' });
    const rotated = await api.admin.post('/v1/api-keys', {
      name: 'next',
      client: 'shop',
      scopes: ['transfer'],
    });
    const next = api.withKey(rotated.body.key);
    const again = await next.post('/v1/transfers', { legs: LEGS }, { key: 'rotation' });
    expect(again.body).toEqual(first.body);
    const other = await api.client('other', 'transfer');
    const theirs = await other.post('/v1/transfers', { legs: LEGS }, { key: 'rotation' });
    expect(theirs.body.id).toBe('transfer:other:rotation');
    expect(theirs.headers.get('idempotency-replayed')).toBeNull();
  });

  test('is scoped to the operation: verb, and the group of an act', async () => {
    const groups = [];
    for (const key of ['op', 'op2']) {
      groups.push(await shop.post('/v1/transfers', { legs: LEGS, settle: 'manual' }, { key }));
    }
    for (const group of groups) {
      const settled = await shop.post(pathOf(group, '/settle'), {}, { key: 'op' });
      expect([settled.status, settled.body.id]).toEqual([200, group.body.id]);
    }
    const deposit = await shop.post('/v1/deposits', { wallet: 'a', amount: '1' }, { key: 'op' });
    expect([deposit.status, deposit.body.kind]).toEqual([201, 'deposit']);
  });
});

describe('the same key, another body', () => {
  test('is 422 and names each field that differs', async () => {
    const metadata = { a: { b: 1 } };
    await shop.post('/v1/transfers', { legs: LEGS, reference: 'x', metadata }, { key: 'other' });
    const other = async (body: object) =>
      faultOf(await shop.post('/v1/transfers', body, { key: 'other' }));
    const body = { legs: LEGS, reference: 'x', metadata };
    const legs = (...changed: object[]) => ({ ...body, legs: changed });
    const reused = [422, 'IDEMPOTENCY_KEY_REUSED'];
    expect(await other(legs(debit('a', '2'), credit('b', '1')))).toEqual([
      ...reused,
      '/legs/0/amount',
    ]);
    expect(await other(legs(debit('a', '1'), credit('c', '1')))).toEqual([
      ...reused,
      '/legs/1/wallet',
    ]);
    expect(await other(legs({ ...debit('a', '1'), type: 'CREDIT' }, credit('b', '1')))).toEqual([
      ...reused,
      '/legs/0/type',
    ]);
    expect(await other(legs(debit('a', '1')))).toEqual([...reused, '/legs/1']);
    expect(await other({ ...body, settle: 'manual' })).toEqual([...reused, '/settle']);
    expect(await other({ ...body, reference: 'y', metadata: { a: { b: 2 } } })).toEqual([
      ...reused,
      '/metadata/a/b',
      '/reference',
    ]);
    expect(await other({ legs: LEGS })).toEqual([...reused, '/metadata/a', '/reference']);
    expect(await other({ ...body, metadata: { ...metadata, b: null } })).toEqual([
      ...reused,
      '/metadata/b',
    ]);
    expect((await shop.post('/v1/transfers', body, { key: 'other' })).status).toBe(201);
  });

  test('names the asset of a leg that is not its wallet’s, also where none was named', async () => {
    await makeAsset(api, 'EUR');
    const leg = (asset?: string) => [{ ...debit('a', '1'), asset }, credit('b', '1')];
    const first = [undefined, 'USD', 'EUR'];
    for (const [index, asset] of first.entries()) {
      const send = (legs: object) => shop.post('/v1/transfers', { legs }, { key: `asset${index}` });
      const { status } = await send(leg(asset));
      for (const other of first) {
        const meansTheSame = (asset ?? 'USD') === (other ?? 'USD');
        const answer = await send(leg(other));
        expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual(
          meansTheSame ? [status, 'true'] : [422, null],
        );
        if (meansTheSame) continue;
        expect(faultOf(answer)).toEqual([422, 'IDEMPOTENCY_KEY_REUSED', '/legs/0/asset']);
      }
    }
  });

  test('on an act names the part where the caller sent it', async () => {
    const group = await shop.post('/v1/transfers', { legs: LEGS, settle: 'manual' });
    const parts = (...amounts: [number, string][]) => ({
      legs: amounts.map(([leg, amount]) => ({ leg, amount })),
    });
    const settle = (body: object) => shop.post(pathOf(group, '/settle'), body, { key: 'parts' });
    expect((await settle(parts([2, '1'], [1, '1']))).status).toBe(200);
    expect((await settle(parts([1, '1.0'], [2, '1']))).status).toBe(200);
    expect(faultOf(await settle(parts([2, '0.5'], [1, '1'])))).toEqual([
      422,
      'IDEMPOTENCY_KEY_REUSED',
      '/legs/0/amount',
    ]);
    expect(faultOf(await settle({}))).toEqual([422, 'IDEMPOTENCY_KEY_REUSED', '/legs']);
  });

  test('while the first one still runs is 422 too, or waits for it', async () => {
    const [first, second] = await Promise.all([
      shop.post('/v1/transfers', { legs: LEGS }, { key: 'twins' }),
      shop.post('/v1/transfers', { legs: [debit('a', '2'), credit('b', '2')] }, { key: 'twins' }),
    ]);
    expect([first.status, second.status].sort()).toEqual([201, 422]);
  });
});

describe('what consumes nothing', () => {
  test('400, 403 and 422 of the key itself leave the key for the right request', async () => {
    const wrong = { legs: [debit('a', 'x'), credit('b', '1')] };
    expect((await shop.post('/v1/transfers', wrong, { key: 'free' })).status).toBe(400);
    const system = { legs: [debit('external:USD', '1'), credit('b', '1')] };
    expect((await shop.post('/v1/transfers', system, { key: 'free' })).status).toBe(403);
    expect((await shop.post('/v1/transfers', { legs: LEGS }, { key: 'free' })).status).toBe(201);
  });
});

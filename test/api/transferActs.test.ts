import { beforeAll, describe, expect, test } from 'vitest';
import { balanceOf, credit, debit, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { type Answer, createTestApi, type TestApi, type TestClient } from './testApi.ts';

let api: TestApi;
let shop: TestClient;
let wallets = 0;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  shop = await api.client('shop', 'read', 'transfer', 'operate');
  await makeAsset(api, 'USD');
  await makeAsset(api, 'EUR');
});

/** Two fresh wallets, the first with 100, and `amount` held from it for the second. */
async function hold(amount = '10'): Promise<{ group: Answer; from: string; to: string }> {
  wallets += 2;
  const [from, to] = [`w${wallets}`, `w${wallets + 1}`];
  await openWallet(api, from, 'USD', '100');
  await openWallet(api, to, 'USD');
  const legs = [debit(from, amount), credit(to, amount)];
  const group = await shop.post('/v1/transfers', { legs, settle: 'manual' });
  expect(group.status).toBe(201);
  return { group, from, to };
}

async function entriesOf(group: Answer): Promise<string[]> {
  const { body } = await shop.get(pathOf(group, '/entries'));
  return body.data.map((e: { status: string; amount: string }) => `${e.status} ${e.amount}`);
}

const part = (...amounts: string[]) => amounts.map((amount, index) => ({ leg: index + 1, amount }));

describe('POST …/settle', () => {
  test('captures all that is held, with or without a body', async () => {
    for (const body of [{}, undefined, { final: true }, { final: false }]) {
      const { group, from, to } = await hold();
      const settled = await shop.post(pathOf(group, '/settle'), body);
      expect([settled.status, settled.body.status]).toEqual([200, 'SETTLED']);
      expect(await balanceOf(api, from)).toEqual(['90', '0', '0']);
      expect(await balanceOf(api, to)).toEqual(['10', '0', '0']);
    }
  });

  test('takes an empty body with a media type', async () => {
    const { group } = await hold();
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'empty' };
    const settled = await shop.send('POST', pathOf(group, '/settle'), { headers, body: '' });
    expect(settled.body.status).toBe('SETTLED');
  });

  test('captures a part and releases the rest', async () => {
    const { group, from, to } = await hold();
    const settled = await shop.post(pathOf(group, '/settle'), { legs: part('4', '4') });
    expect(settled.body.status).toBe('SETTLED');
    expect(settled.body.legs[0]).toMatchObject({ amount: '10', settled: '4', remaining: '0' });
    expect(await entriesOf(group)).toEqual([
      'HOLD -10',
      'HOLD 10',
      'SETTLED -4',
      'SETTLED 4',
      'RELEASED 6',
      'RELEASED -6',
    ]);
    expect(await balanceOf(api, from)).toEqual(['96', '0', '0']);
    expect(await balanceOf(api, to)).toEqual(['4', '0', '0']);
  });

  test('captures parts until nothing remains, whatever final says then', async () => {
    const { group } = await hold();
    const first = { legs: part('4', '4'), final: false };
    expect((await shop.post(pathOf(group, '/settle'), first)).body.status).toBe('IN_PROGRESS');
    const rest = { legs: part('6', '6'), final: false };
    expect((await shop.post(pathOf(group, '/settle'), rest)).body.status).toBe('SETTLED');
  });

  test('refuses what does not balance, exceeds the hold, or is nothing', async () => {
    const { group } = await hold();
    const settle = async (body: object) => faultOf(await shop.post(pathOf(group, '/settle'), body));
    expect(await settle({ legs: part('4', '5') })).toEqual([422, 'UNBALANCED_GROUP']);
    expect(await settle({ legs: part('11', '11') })).toEqual([422, 'AMOUNT_EXCEEDS_HELD']);
    const { body } = await shop.post(pathOf(group, '/settle'), { legs: [{ leg: 7, amount: '1' }] });
    expect([body.code, body.detail]).toEqual([
      'AMOUNT_EXCEEDS_HELD',
      `Group ${group.body.id} has no leg 7.`,
    ]);
    expect(await settle({ legs: part('0.001', '0.001') })).toEqual([
      400,
      'INVALID_AMOUNT',
      '/legs/0/amount',
      '/legs/1/amount',
    ]);
    expect(await settle({ legs: [] })).toEqual([400, 'INVALID_REQUEST', '/legs']);
    expect(await settle({ legs: [{ leg: '1', amount: '1' }] })).toEqual([
      400,
      'INVALID_REQUEST',
      '/legs/0/leg',
    ]);
    expect(await entriesOf(group)).toHaveLength(2);
    const empty = await shop.post('/v1/transfers', { legs: [], settle: 'manual' });
    expect(faultOf(await shop.post(pathOf(empty, '/settle'), {}))).toEqual([
      422,
      'UNBALANCED_GROUP',
    ]);
  });
});

describe('POST …/release and /cancel', () => {
  test.each([
    ['release', 'RELEASED'],
    ['cancel', 'CANCELLED'],
  ])('%s gives back what remains and keeps the reason', async (act, status) => {
    const { group, from, to } = await hold();
    const ended = await shop.post(pathOf(group, `/${act}`), { reason: 'a dispute' });
    expect(ended.status).toBe(200);
    expect(ended.body).toMatchObject({ status, reason: 'a dispute' });
    expect(await entriesOf(group)).toEqual([
      'HOLD -10',
      'HOLD 10',
      `${status} 10`,
      `${status} -10`,
    ]);
    expect(await balanceOf(api, from)).toEqual(['100', '0', '0']);
    expect(await balanceOf(api, to)).toEqual(['0', '0', '0']);
  });

  test.each(['release', 'cancel'])('%s needs a reason of 1 to 500 characters', async (act) => {
    const { group } = await hold();
    for (const body of [
      {},
      { reason: '' },
      { reason: ' ' },
      { reason: 'x'.repeat(501) },
      undefined,
    ]) {
      expect(faultOf(await shop.post(pathOf(group, `/${act}`), body))).toEqual([
        400,
        'INVALID_REQUEST',
        '/reason',
      ]);
    }
    const longest = await shop.post(pathOf(group, `/${act}`), { reason: 'x'.repeat(500) });
    expect(longest.status).toBe(200);
  });
});

describe('POST …/legs', () => {
  test('holds further legs, all of them or none', async () => {
    const { group, from, to } = await hold();
    const path = pathOf(group, '/legs');
    const added = await shop.post(path, { legs: [debit(from, '5'), credit(to, '5')] });
    expect(added.status).toBe(200);
    expect(added.body.legs.map(({ leg }: { leg: number }) => leg)).toEqual([1, 2, 3, 4]);
    expect(await balanceOf(api, from)).toEqual(['85', '0', '15']);
    const tooMuch = { legs: [debit(from, '5'), debit(from, '500')] };
    expect(faultOf(await shop.post(path, tooMuch))).toEqual([422, 'INSUFFICIENT_FUNDS']);
    expect(await balanceOf(api, from)).toEqual(['85', '0', '15']);
  });

  test('refuses more legs than a group may have, and names them', async () => {
    const { group, from, to } = await hold();
    const many = (count: number) => ({
      legs: Array.from({ length: count }, (_, n) =>
        (n % 2 ? debit : credit)(n % 2 ? from : to, '0.01'),
      ),
    });
    const answers = [];
    for (const count of [1000, 998, 1]) {
      answers.push(faultOf(await shop.post(pathOf(group, '/legs'), many(count))));
    }
    expect(answers).toEqual([
      [200, undefined],
      [200, undefined],
      [400, 'INVALID_REQUEST', '/legs'],
    ]);
  });

  test('refuses unknown wallets, other assets, system wallets and no legs', async () => {
    const { group } = await hold();
    const add = async (legs: unknown) => faultOf(await shop.post(pathOf(group, '/legs'), { legs }));
    expect(await add([debit('ghost', '1')])).toEqual([404, 'WALLET_NOT_FOUND']);
    expect(await add([{ ...debit('w2', '1'), asset: 'EUR' }])).toEqual([422, 'ASSET_MISMATCH']);
    expect(await add([debit('external:USD', '1')])).toEqual([403, 'FORBIDDEN', '/legs/0/wallet']);
    expect(await add([debit('w2', '0.001')])).toEqual([400, 'INVALID_AMOUNT', '/legs/0/amount']);
    expect(await add([])).toEqual([400, 'INVALID_REQUEST', '/legs']);
  });
});

describe('POST …/extend', () => {
  test('moves the deadline, counted from now', async () => {
    const { group } = await hold();
    const before = Date.now();
    const { status, body } = await shop.post(pathOf(group, '/extend'), { expiresIn: 3600 });
    expect(status).toBe(200);
    const seconds = (Date.parse(body.expiresAt) - before) / 1000;
    expect(seconds).toBeGreaterThan(3595);
    expect(seconds).toBeLessThan(3605);
  });

  test('refuses more than 90 days', async () => {
    const { group } = await hold();
    const answer = await shop.post(pathOf(group, '/extend'), { expiresIn: 90 * 86_400 + 1 });
    expect(faultOf(answer)).toEqual([400, 'INVALID_REQUEST', '/expiresIn']);
  });
});

describe('acts on a finished group', () => {
  test.each([
    ['settle', {}],
    ['release', { reason: 'late' }],
    ['cancel', { reason: 'late' }],
    ['extend', { expiresIn: 60 }],
    ['legs', { legs: [debit('w2', '1')] }],
  ])('%s is GROUP_NOT_OPEN, names the status and writes nothing', async (act, body) => {
    const { group } = await hold();
    await shop.post(pathOf(group, '/settle'));
    const late = await shop.post(pathOf(group, `/${act}`), body);
    expect(faultOf(late)).toEqual([409, 'GROUP_NOT_OPEN']);
    expect(late.body.detail).toContain('SETTLED');
    expect(await entriesOf(group)).toHaveLength(4);
  });

  test('a group past its deadline is cancelled with EXPIRED', async () => {
    await openWallet(api, 'brief', 'USD', '10');
    const body = { legs: [debit('brief', '10')], settle: 'manual', expiresIn: 1 };
    const group = await shop.post('/v1/transfers', body);
    await expect
      .poll(async () => (await shop.get(pathOf(group))).body, { timeout: 10_000, interval: 200 })
      .toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
    expect(await balanceOf(api, 'brief')).toEqual(['10', '0', '0']);
  });
});

describe('acts on a group that is not there', () => {
  test.each([
    ['settle', {}],
    ['release', { reason: 'r' }],
    ['cancel', { reason: 'r' }],
    ['extend', { expiresIn: 60 }],
    ['legs', { legs: [debit('w2', '1')] }],
    ['reverse', { reason: 'r' }],
  ])('%s is 404 and freezes nothing', async (act, body) => {
    const key = `early-${act}`;
    const early = await shop.post(pathOf(`transfer:shop:${key}`, `/${act}`), body, { key });
    expect(faultOf(early)).toEqual([404, 'GROUP_NOT_FOUND']);
    const legs = [debit('w2', '1'), credit('w3', '1')];
    await shop.post('/v1/transfers', { legs, settle: 'manual' }, { key });
    const then = await shop.post(pathOf(`transfer:shop:${key}`, `/${act}`), body, { key });
    expect(then.status).toBe(act === 'reverse' ? 409 : 200);
  });
});

describe('GET …/timeline', () => {
  test('tells steps in order with who and why, refusals too', async () => {
    const { group } = await hold();
    await shop.post(pathOf(group, '/settle'), { legs: part('11', '11') });
    await shop.post(pathOf(group, '/cancel'), { reason: 'changed their mind' });
    const { body } = await shop.get(pathOf(group, '/timeline'));
    const told = body.data.map((item: Record<string, string>) => [
      item.event,
      item.actor,
      item.outcome,
      item.reason,
    ]);
    expect(told).toEqual([
      ['hold', 'shop', 'done', null],
      ['settle', 'shop', 'refused', 'AMOUNT_EXCEEDS_HELD'],
      ['cancel', 'shop', 'done', 'changed their mind'],
    ]);
  });
});

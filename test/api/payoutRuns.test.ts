import { beforeAll, describe, expect, test } from 'vitest';
import { linesAsSent } from '../../src/api/payoutLines.ts';
import { balanceOf, faultOf, pathOf } from './money.ts';
import { createDesk, type Desk, linesOf, PATH, runPath } from './payoutDesk.ts';
import type { TestApi, TestClient } from './testApi.ts';

let api: TestApi;
let desk: TestClient;
let payerWith: Desk['payerWith'];
let ended: Desk['ended'];
let allLines: Desk['allLines'];

beforeAll(async () => {
  ({ api, desk, payerWith, ended, allLines } = await createDesk());
});

describe('a payout run', () => {
  test('is answered before it is paid, shows its progress and each transfer', async () => {
    const wallet = await payerWith('250');
    const answer = await desk.post(
      PATH,
      { wallet, lines: linesOf(250), reference: 'wages', metadata: { month: 1 } },
      { key: 'wages-1' },
    );
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      id: 'payoutRun:desk:wages-1',
      status: 'RUNNING',
      wallet,
      asset: 'USD',
      total: '250',
      paid: '0',
      reference: 'wages',
      metadata: { month: 1 },
      lines: { total: 250, settled: 0, refused: 0, waiting: 250, cancelled: 0 },
      finishedAt: null,
      workflowId: 'payoutRun:desk:wages-1',
    });
    expect(answer.body.links.temporalUi).toContain(encodeURIComponent(answer.body.id));
    const { body: run } = await ended(answer.body.id);
    expect(run).toMatchObject({ status: 'DONE', paid: '250', lines: { settled: 250, waiting: 0 } });
    expect(run.finishedAt > run.createdAt).toBe(true);
    const lines = await allLines(run.id);
    expect(lines.map(({ line }) => line)).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
    const { body: group } = await desk.get(pathOf(lines[6].groupId));
    expect(group).toMatchObject({
      kind: 'transfer',
      status: 'SETTLED',
      reference: 'wages',
      metadata: { payoutRun: run.id, line: 7 },
      // A line has no saga of its own: the run's did it.
      workflowId: run.id,
    });
    expect(await balanceOf(api, wallet)).toEqual(['0', '0', '0']);
    const settled = await desk.post(pathOf(lines[6].groupId, '/cancel'), { reason: 'too late' });
    expect(faultOf(settled)).toEqual([409, 'GROUP_NOT_OPEN']);
    const reversal = await desk.post(pathOf(lines[6].groupId, '/reverse'), { reason: 'not hers' });
    expect(reversal.status).toBe(201);
    expect(await balanceOf(api, wallet)).toEqual(['1', '0', '0']);
    const { body: books } = await api.admin.get('/v1/reconciliation');
    expect(books.balanced).toBe(true);
  });

  test('refuses by itself what cannot be paid, and says why', async () => {
    const wallet = await payerWith('10');
    const lines = [
      { wallet: 'ann', amount: '6' },
      { wallet: 'bob', amount: '5', reference: 'bonus' },
      { wallet: 'cid', amount: '4' },
    ];
    const { body: run } = await desk.post(PATH, { wallet, lines });
    expect((await ended(run.id)).body.lines).toMatchObject({ settled: 2, refused: 1 });
    const [refused, ...others] = await allLines(run.id, '&status=refused');
    expect(others).toEqual([]);
    expect(refused).toMatchObject({ line: 2, amount: '5', code: 'INSUFFICIENT_FUNDS' });
    expect(refused.detail).toContain('4 USD available; 5 is required');
    const { body: group } = await desk.get(pathOf(refused.groupId));
    expect(group).toMatchObject({
      status: 'CANCELLED',
      reason: 'INSUFFICIENT_FUNDS',
      reference: 'bonus',
    });
    expect(await allLines(run.id, '&status=waiting')).toEqual([]);
  });

  test('is listed, newest first, by its status', async () => {
    const wallet = await payerWith('1');
    const { body: run } = await desk.post(PATH, { wallet, lines: linesOf(1) });
    await ended(run.id);
    const { body: all } = await desk.get(`${PATH}?limit=1`);
    expect(all.data[0].id).toBe(run.id);
    const { body: next } = await desk.get(`${PATH}?limit=1&cursor=${all.nextCursor}`);
    expect(next.data[0].id).not.toBe(run.id);
    expect((await desk.get(`${PATH}?status=CANCELLED`)).body.data).toEqual([]);
    expect((await desk.get(`${PATH}?status=done`)).status).toBe(400);
    expect(faultOf(await desk.get(runPath('payoutRun:desk:none')))).toEqual([404, 'NOT_FOUND']);
    const lines = await desk.get(runPath('payoutRun:desk:none', '/lines'));
    expect(faultOf(lines)).toEqual([404, 'NOT_FOUND']);
  });
});

describe('a key', () => {
  test('stands for one run, also when it is used 25 times at once', async () => {
    const wallet = await payerWith('30');
    const body = { wallet, lines: linesOf(30) };
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => desk.post(PATH, body, { key: 'race' })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(answers.filter(({ headers }) => !headers.has('idempotency-replayed'))).toHaveLength(1);
    await ended('payoutRun:desk:race');
    expect(await balanceOf(api, wallet)).toEqual(['0', '0', '0']);
    const spelledOut = { ...body, lines: linesOf(30, '1.00'), metadata: {}, reference: null };
    const again = await desk.post(PATH, spelledOut, { key: 'race' });
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(again.body).toEqual(answers[0]?.body);
  });

  test('names what differs in another list', async () => {
    const wallet = await payerWith('3');
    await desk.post(PATH, { wallet, lines: linesOf(3) }, { key: 'differs' });
    const lines = [...linesOf(2), { wallet: 'cid', amount: '2' }];
    const other = await desk.post(PATH, { wallet, lines, reference: 'x' }, { key: 'differs' });
    expect(faultOf(other)).toEqual([
      422,
      'IDEMPOTENCY_KEY_REUSED',
      '/lines/2/amount',
      '/reference',
    ]);
    const longer = await desk.post(PATH, { wallet, lines: linesOf(300) }, { key: 'differs' });
    expect(faultOf(longer)).toHaveLength(102);
    await ended('payoutRun:desk:differs');
  });

  test('is asked for, and the scope of transfers', async () => {
    const body = { wallet: 'ann', lines: linesOf(1) };
    expect(faultOf(await desk.post(PATH, body, { key: null }))).toEqual([
      400,
      'IDEMPOTENCY_KEY_REQUIRED',
    ]);
    const reader = await api.client('reader', 'read');
    expect(faultOf(await reader.post(PATH, body))).toEqual([403, 'FORBIDDEN']);
    expect(faultOf(await reader.post(runPath('x', '/cancel'), { reason: 'no' }))).toEqual([
      403,
      'FORBIDDEN',
    ]);
  });
});

describe('cancelling', () => {
  test('ends a run in the middle, and answers for ever what it left', async () => {
    const wallet = await payerWith('3000');
    const { body: run } = await desk.post(PATH, { wallet, lines: linesOf(3000) });
    while ((await desk.get(runPath(run.id))).body.lines.settled === 0);
    const reason = 'wrong month';
    const answer = await desk.post(runPath(run.id, '/cancel'), { reason }, { key: 'stop' });
    expect(answer.status).toBe(200);
    const { lines } = answer.body;
    expect(answer.body).toMatchObject({ status: 'CANCELLED', reason });
    expect(lines.settled).toBeGreaterThan(0);
    expect(lines.cancelled).toBe(3000 - lines.settled);
    expect(await balanceOf(api, wallet)).toEqual([String(lines.cancelled), '0', '0']);
    const again = await desk.post(runPath(run.id, '/cancel'), { reason }, { key: 'stop' });
    expect(again.body).toEqual(answer.body);
    const handle = api.sagas?.client.workflow.getHandle(run.id);
    expect(await handle?.result()).toMatchObject({ status: 'CANCELLED', lines });
    expect(await balanceOf(api, wallet)).toEqual([String(lines.cancelled), '0', '0']);
    const other = await desk.post(runPath(run.id, '/cancel'), { reason: 'x' }, { key: 'stop' });
    expect(faultOf(other)).toEqual([422, 'IDEMPOTENCY_KEY_REUSED', '/reason']);
    const { body: timeline } = await desk.get(runPath(run.id, '/timeline'));
    expect(timeline.data).toMatchObject([
      { event: 'openPayoutRun', actor: 'desk', outcome: 'done', reason: null },
      { event: 'cancelPayoutRun', actor: 'desk', outcome: 'done', reason },
    ]);
    expect(timeline.data[0].detail.request).toEqual({ wallet, reference: null, metadata: {} });
    const late = await desk.post(runPath(run.id, '/cancel'), { reason });
    expect(faultOf(late)).toEqual([409, 'GROUP_NOT_OPEN']);
    const none = await desk.post(runPath('payoutRun:desk:none', '/cancel'), { reason });
    expect(faultOf(none)).toEqual([404, 'NOT_FOUND']);
  });
});

test('what a line says of the fee counts, and else what the list says', () => {
  const lines = [
    { destination: 'a', amount: '1' },
    { destination: 'b', amount: '1', maxFee: '0.2' },
    { destination: 'c', amount: '1', feeMode: 'platform' as const },
  ];
  const asked = { wallet: 'w', lines, feeMode: 'customer' as const, maxFee: '0.1', metadata: {} };
  expect(linesAsSent(asked).map(({ feeMode, maxFee }) => [feeMode, maxFee])).toEqual([
    ['customer', '0.1'],
    ['customer', '0.2'],
    ['platform', null],
  ]);
});

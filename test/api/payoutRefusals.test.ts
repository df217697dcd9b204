import { beforeAll, describe, expect, test } from 'vitest';
import { openPayoutRun } from '../../src/ledger/payoutRuns.ts';
import { payPayoutLines } from '../../src/ledger/payPayoutLines.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import { runInput } from '../ledger/payoutInputs.ts';
import { NO_SAGAS as NO_SAGAS_OF_LINES } from '../ledger/payoutWorld.ts';
import { balanceOf, faultOf, openWallet } from './money.ts';
import { createDesk, type Desk, linesOf, PATH, runPath } from './payoutDesk.ts';
import { adminOn, NO_SAGAS, type TestApi, type TestClient } from './testApi.ts';

let api: TestApi;
let desk: TestClient;
let payerWith: Desk['payerWith'];
let ended: Desk['ended'];

beforeAll(async () => {
  ({ api, desk, payerWith, ended } = await createDesk());
});

describe('a bad list', () => {
  test('is refused whole with the lines at fault, a hundred at most', async () => {
    const wallet = await payerWith('5');
    const refuse = async (lines: object[], expected: [number, string, ...string[]]) => {
      const answer = await desk.post(PATH, { wallet, lines });
      expect(faultOf(answer)).toEqual(expected);
    };
    await refuse([], [400, 'INVALID_REQUEST', '/lines']);
    await refuse(linesOf(10_001), [400, 'INVALID_REQUEST', '/lines']);
    await refuse([{ wallet: 'ann', amount: 1 }], [400, 'INVALID_AMOUNT', '/lines/0/amount']);
    await refuse(
      [...linesOf(1), { wallet: 'bob', amount: '0.001' }],
      [400, 'INVALID_AMOUNT', '/lines/1/amount'],
    );
    await refuse([{ wallet, amount: '1' }], [400, 'INVALID_REQUEST', '/lines/0/wallet']);
    await refuse([{ wallet: 'fees:USD', amount: '1' }], [403, 'FORBIDDEN', '/lines/0/wallet']);
    await refuse([{ wallet: 'nobody', amount: '1' }], [404, 'WALLET_NOT_FOUND', '/lines/0/wallet']);
    const many = await desk.post(PATH, { wallet, lines: linesOf(150, '1e3') });
    expect(faultOf(many)).toHaveLength(102);
    expect(many.body.detail).toContain('150 fields are at fault; `errors` names the first 100');
    const unknown = Array.from({ length: 150 }, (_, i) => ({ wallet: `x${i}`, amount: '1' }));
    expect(faultOf(await desk.post(PATH, { wallet, lines: unknown }))).toHaveLength(102);
    expect(await balanceOf(api, wallet)).toEqual(['5', '0', '0']);
  });

  test('of wallets that were missing stays refused under its key', async () => {
    const body = { wallet: await payerWith('5'), lines: [{ wallet: 'late', amount: '1' }] };
    expect((await desk.post(PATH, body, { key: 'late' })).status).toBe(404);
    await openWallet(api, 'late', 'USD');
    const again = await desk.post(PATH, body, { key: 'late' });
    expect(faultOf(again)).toEqual([404, 'WALLET_NOT_FOUND', '/lines/0/wallet']);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
  });

  test('may be larger than other bodies, up to 8 MiB', async () => {
    const wallet = await payerWith('1');
    const lines = linesOf(10_000, '1.001').map((line) => ({ ...line, reference: 'r'.repeat(200) }));
    // More than 1 MiB, and read: the amounts are looked at.
    expect(faultOf(await desk.post(PATH, { wallet, lines })).slice(0, 2)).toEqual([
      400,
      'INVALID_AMOUNT',
    ]);
    const good = { wallet, lines: lines.map((line) => ({ ...line, amount: '0.01' })) };
    const taken = await desk.post(PATH, good, { key: 'large' });
    expect([taken.status, taken.body.total]).toEqual([201, '100']);
    await desk.post(runPath(taken.body.id, '/cancel'), { reason: 'large enough' });
    const metadata = { padding: 'x'.repeat(8 * 1024 * 1024) };
    const large = await desk.post(PATH, { wallet, lines: linesOf(1), metadata });
    expect(faultOf(large)).toEqual([413, 'BODY_TOO_LARGE']);
    const transfer = await desk.post('/v1/transfers', { legs: [], metadata });
    expect(faultOf(transfer)).toEqual([413, 'BODY_TOO_LARGE']);
    const cancel = { reason: 'x', padding: 'x'.repeat(1024 * 1024) };
    expect(faultOf(await desk.post(runPath('x', '/cancel'), cancel))).toEqual([
      413,
      'BODY_TOO_LARGE',
    ]);
  });
});

describe('a list whose saga is not known to run', () => {
  test('is accepted, and says where to look', async () => {
    const wallet = await payerWith('2');
    const lost: typeof api.gateway.openPayoutRun = async (input, waitMs) => {
      const opened = await api.gateway.openPayoutRun(input, waitMs);
      return opened.outcome === 'unavailable' ? opened : { ...opened, begun: false };
    };
    const client = await adminOn(api.db, { ...NO_SAGAS, openPayoutRun: lost });
    const answer = await client.post(PATH, { wallet, lines: linesOf(2) }, { key: 'lost' });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('location')).toBe(runPath('payoutRun:admin:lost'));
    await ended('payoutRun:admin:lost');
  });
});

describe('a cancellation that gives withdrawals back', () => {
  test('wakes the saga of the run, which tells theirs', async () => {
    const rule = { asset: 'USD', from: '50', approvals: 1 };
    expect((await api.admin.put('/v1/approval-rules/large', rule)).status).toBe(200);
    const lines = [{ destination: 'iban:1', amount: '60' }];
    const input = runInput('woken', await payerWith('60'), lines);
    await openPayoutRun(api.db.pool, input);
    await payPayoutLines(queueSteps(api.db.pool), input.runId, 1, NO_SAGAS_OF_LINES);
    const woken: unknown[] = [];
    const wake: typeof api.gateway.wake = async (...told) => {
      woken.push(told);
    };
    const client = await adminOn(api.db, { ...NO_SAGAS, wake });
    const answer = await client.post(runPath(input.runId, '/cancel'), { reason: 'wrong' });
    expect(answer.body).toMatchObject({ status: 'CANCELLED', lines: { released: 1 } });
    expect(woken).toEqual([[input.runId, 'ledgerChanged']]);
  });
});

describe('while Temporal is away', () => {
  test('no list is taken; one that was taken keeps its answer and can be ended', async () => {
    const wallet = await payerWith('2');
    const body = { wallet, lines: linesOf(1) };
    const first = await desk.post(PATH, body, { key: 'before' });
    await ended(first.body.id);
    const input = runInput('taken', wallet, linesOf(1));
    await openPayoutRun(api.db.pool, input);
    await api.sagas?.stop();
    const answer = await desk.post(PATH, body, { key: 'away' });
    expect(faultOf(answer)).toEqual([503, 'UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(faultOf(await desk.get(runPath('payoutRun:desk:away')))).toEqual([404, 'NOT_FOUND']);
    const again = await desk.post(PATH, body, { key: 'before' });
    expect([again.status, again.body]).toEqual([201, first.body]);
    const ends = await desk.post(runPath(input.runId, '/cancel'), { reason: 'Temporal is away' });
    expect([ends.status, ends.body.status]).toEqual([200, 'CANCELLED']);
    expect(await balanceOf(api, wallet)).toEqual(['1', '0', '0']);
  });
});

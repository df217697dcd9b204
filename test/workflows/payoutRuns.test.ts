/** The saga of a payout run on real parts: operators who act, the sweeper, an old database. */
import { Writable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { createPayoutActivities } from '../../activities/payoutActivities.ts';
import type { PayoutRun } from '../../src/contracts/payouts.ts';
import { readPayoutRun } from '../../src/ledger/payoutLists.ts';
import { openPayoutRun } from '../../src/ledger/payoutRuns.ts';
import { createLog } from '../../src/observability/log.ts';
import { sweepPayoutRuns } from '../../src/temporal/payoutRuns.ts';
import { createPayoutWithdrawals } from '../../src/temporal/payoutWithdrawals.ts';
import { startSagas } from '../../src/temporal/sagas.ts';
import { doneRun } from '../ledger/payoutInputs.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { createPayoutSagas, type PayoutSagas } from './payoutWorld.ts';
import { balanceOf, eventually, WAIT_MS, type World } from './world.ts';

let world: World;
let payouts: PayoutSagas;
beforeAll(async () => {
  payouts = await createPayoutSagas();
  world = payouts.world;
});

const handleOf = (id: string) => payouts.handleOf(id);
const stateOf = (id: string) => payouts.stateOf(id);

let sweeps = 0;
async function sweep(id: string): Promise<{ restarted: number }> {
  // The sweeper leaves runs of the last minute alone, so a test makes its own older.
  await world.database.owner.query(
    `update payout_runs set created_at = created_at - interval '2 minutes'
     where id = $1 and status = 'RUNNING'`,
    [id],
  );
  return world.sagas.client.workflow.execute<() => ReturnType<typeof sweep>>('repair', {
    taskQueue: 'holdfast',
    workflowId: `payout-sweep-${++sweeps}`,
  });
}

describe('the saga of a payout run', () => {
  it('pays all lines and tells how far it is', async () => {
    const { id, payer } = await payouts.started('all', 1_200);
    const result = (await handleOf(id).result()) as PayoutRun;
    expect(result).toMatchObject({ status: 'DONE', lines: { settled: 1_200 } });
    await payouts.expectAllPaid(id, payer, 1_200);
    const status = await handleOf(id).query('status');
    expect(status).toMatchObject({ run: { paid: '1200' }, next: 'Nothing, this run has ended.' });
    const { currentDetails } = await handleOf(id).query<{ currentDetails: string }>(
      '__temporal_workflow_metadata',
    );
    expect(currentDetails).toContain('| 1200 | 1200 | 0 | 0 | 0 |');
    expect(currentDetails).toMatch(/1200 of 1200 USD paid out of `w\d+`, \d+ lines a second/);
    const description = await handleOf(id).describe();
    expect(await description.staticSummary()).toBe(`Pay 1200 USD out of ${payer} in 1200 lines`);
    const { events = [] } = await handleOf(id).fetchHistory();
    const scheduled = events?.filter((event) => event.activityTaskScheduledEventAttributes) ?? [];
    expect(scheduled).toHaveLength(2);
    const query = `HoldfastWallet = "${payer}" AND HoldfastStatus = "DONE"`;
    await eventually(
      async () => {
        for await (const found of world.sagas.client.workflow.list({ query })) return found;
        return null;
      },
      (found) => found?.workflowId === id,
    );
  });

  it('runs once under its key, whoever asks at the same time', async () => {
    const { payer, input } = await payouts.listOf('once', 100);
    const { gateway } = world.sagas;
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => gateway.openPayoutRun(input, WAIT_MS)),
    );
    const first = answers.filter((answer) => 'replayed' in answer && !answer.replayed);
    expect(first).toHaveLength(1);
    for (const answer of answers) expect(doneRun(answer).id).toBe(input.runId);
    await payouts.ended(input.runId);
    await payouts.expectAllPaid(input.runId, payer, 100);
    // The first answer for ever, and nothing runs again.
    await handleOf(input.runId).result();
    const { runId } = await handleOf(input.runId).describe();
    const late = await gateway.openPayoutRun(input, WAIT_MS);
    expect(late).toMatchObject({ replayed: true, run: { status: 'RUNNING', paid: '0' } });
    expect((await handleOf(input.runId).describe()).runId).toBe(runId);
  });
});

describe('an operator', () => {
  it.each(['signal', 'update', 'cancellation'])(
    'ends a run by %s, and what is paid stays',
    async (how) => {
      const { id, payer } = await payouts.started(`ended by ${how}`, 3_000);
      await eventually(
        () => stateOf(id),
        ({ lines }) => lines.settled > 0,
      );
      const handle = handleOf(id);
      if (how === 'signal') await handle.signal('cancel', 'wrong list');
      if (how === 'cancellation') await handle.cancel();
      if (how === 'update') {
        const run = await handle.executeUpdate('cancel', { args: [{ reason: 'wrong list' }] });
        expect(run).toMatchObject({ status: 'CANCELLED', reason: 'wrong list' });
      }
      expect(await handle.result()).toMatchObject({ status: 'CANCELLED' });
      const { lines, paid } = await stateOf(id);
      expect(lines.settled).toBeGreaterThan(0);
      expect(lines.cancelled).toBeGreaterThan(0);
      expect(lines.settled + lines.cancelled).toBe(3_000);
      expect(paid).toBe(String(lines.settled));
      expect((await balanceOf(world, payer)).settled).toBe(String(lines.cancelled));
    },
  );

  it('is told in words why an update does nothing', async () => {
    const { id } = await payouts.started('told in words', 3_000);
    const blank = handleOf(id).executeUpdate('cancel', { args: [{ reason: '' }] });
    await expect(blank).rejects.toMatchObject({
      cause: { message: expect.stringContaining('a text of 1 to 500 characters') },
    });
    const strange = handleOf(id).executeUpdate('cancel', { args: [{ reason: 'r', lines: [7] }] });
    await expect(strange).rejects.toMatchObject({
      cause: { message: expect.stringContaining('"lines" is no field of cancel') },
    });
    await handleOf(id).signal('cancel');
    expect(await handleOf(id).result()).toMatchObject({ reason: 'cancel by signal' });
  });

  it.each([[7], ['  '], [{ reason: 7 }]])(
    'ends a run by a signal whose reason is none: %j',
    async (said) => {
      const { id } = await payouts.started(`signal ${JSON.stringify(said)}`, 3_000);
      await handleOf(id).signal('cancel', said);
      expect(await handleOf(id).result()).toMatchObject({ reason: 'cancel by signal' });
    },
  );
});

describe('the sweeper', () => {
  it('starts the saga of a run again that was terminated', async () => {
    const { id, payer } = await payouts.started('terminated', 4_000);
    await eventually(
      () => stateOf(id),
      ({ lines }) => lines.settled > 0,
    );
    await handleOf(id).terminate('test');
    const { lines } = await stateOf(id);
    expect(lines.waiting).toBeGreaterThan(0);
    expect((await sweep(id)).restarted).toBe(1);
    await payouts.ended(id);
    await payouts.expectAllPaid(id, payer, 4_000);
  });

  it('leaves a run alone whose saga is at work', async () => {
    const { id, payer } = await payouts.started('at work', 600);
    const somebody = await world.database.owner.connect();
    // Nothing is paid while somebody has the payer's row.
    await somebody.query('begin');
    try {
      await somebody.query('select from wallet_balances where wallet_id = $1 for update', [payer]);
      expect((await sweep(id)).restarted).toBe(0);
      expect((await stateOf(id)).status).toBe('RUNNING');
    } finally {
      await somebody.query('commit');
      somebody.release();
    }
    await payouts.ended(id);
    await payouts.expectAllPaid(id, payer, 600);
  });

  it('starts the saga of a run whose start was lost', async () => {
    const { payer, input } = await payouts.listOf('start lost', 10);
    doneRun(await openPayoutRun(world.db, input));
    expect((await sweep(input.runId)).restarted).toBe(1);
    await payouts.ended(input.runId);
    await payouts.expectAllPaid(input.runId, payer, 10);
  });

  it('starts the sagas of all runs, however many there are', async () => {
    const { db, options } = world;
    const lists = await Promise.all([1, 2, 3].map((at) => payouts.listOf(`lost ${at}`, 1)));
    for (const { input } of lists) doneRun(await openPayoutRun(db, input));
    await world.database.owner.query(
      `update payout_runs set created_at = created_at - interval '2 minutes'
       where status = 'RUNNING'`,
    );
    const deps = { client: world.sagas.client, db, log: options.log };
    expect((await sweepPayoutRuns(deps, () => {}, 2)).restarted).toBe(3);
    await Promise.all(lists.map(({ input }) => payouts.ended(input.runId)));
  });

  it('is not needed where the same request comes again', async () => {
    const { payer, input } = await payouts.listOf('start lost, asked again', 10);
    doneRun(await openPayoutRun(world.db, input));
    await world.sagas.gateway.openPayoutRun(input, WAIT_MS);
    await payouts.ended(input.runId);
    await payouts.expectAllPaid(input.runId, payer, 10);
  });
});

describe('a Temporal that does not answer', () => {
  it('has no list taken, since nobody could say whether it was paid', async () => {
    const { input } = await payouts.listOf('away', 1);
    const door = await startSagas({ ...world.options, work: false });
    await door.stop();
    expect(await door.gateway.openPayoutRun(input, 500)).toMatchObject({
      outcome: 'unavailable',
      code: 'UNAVAILABLE',
    });
    expect(await readPayoutRun(world.db, input.runId)).toBeNull();
  });
});

describe('a database that is older than Temporal', () => {
  it('fails the saga of a run that it does not know, and alerts', async () => {
    const runId = 'payoutRun:shop:unknown';
    const { workflow } = world.sagas.client;
    const start = { workflowId: runId, taskQueue: 'holdfast', args: [{ runId }] };
    await expect(workflow.execute('payoutRun', start)).rejects.toMatchObject({
      cause: { type: 'LEDGER_BEHIND_TEMPORAL' },
    });
    const lines: string[] = [];
    const sink = new Writable({
      write(chunk, _, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const log = createLog('error', sink);
    const withdrawals = createPayoutWithdrawals({ client: world.sagas.client, db: world.db, log });
    await createPayoutActivities({ db: world.db, log, withdrawals }).readPayoutRun(runId);
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { alert: 'LEDGER_BEHIND_TEMPORAL', runId },
    ]);
  });

  it('is none where the list was taken while it was asked', async () => {
    const { input, id } = await payouts.started('taken meanwhile', 1);
    await handleOf(id).result();
    let looks = 0;
    const query = (...asked: Parameters<typeof world.db.query>) => {
      const [{ name }] = asked as unknown as [{ name?: string }];
      // Somebody else's request is written between the first look and the second.
      const isTooEarly = name === 'ledger_replay' && ++looks === 1;
      return isTooEarly ? Promise.resolve({ rows: [] }) : world.db.query(...asked);
    };
    const door = await startSagas({
      ...world.options,
      db: { query: query as typeof world.db.query },
      work: false,
    });
    expect(await door.gateway.openPayoutRun(input, WAIT_MS)).toMatchObject({
      outcome: 'done',
      replayed: true,
    });
    await door.stop();
  });

  it('takes no list that Temporal knows: it may have been paid', async () => {
    const { input, id } = await payouts.started('restored', 1);
    await handleOf(id).result();
    const { pool } = await createTestDatabase();
    const door = await startSagas({ ...world.options, db: pool, work: false });
    expect(await door.gateway.openPayoutRun(input, WAIT_MS)).toMatchObject({
      outcome: 'unavailable',
      detail: expect.stringContaining('older than Temporal'),
    });
    expect(await readPayoutRun(pool, id)).toBeNull();
    await door.stop();
  });
});

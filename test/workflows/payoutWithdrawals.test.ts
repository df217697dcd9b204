/** Lines of a payout run that leave for the outside, each with a saga of its own. */
import { Writable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import type { PayoutRun } from '../../src/contracts/payouts.ts';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readOpenGroup } from '../../src/ledger/openGroups.ts';
import { cancelPayoutRun, openPayoutRun } from '../../src/ledger/payoutRuns.ts';
import { payPayoutLines } from '../../src/ledger/payPayoutLines.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import { createLog } from '../../src/observability/log.ts';
import { createPayoutWithdrawals } from '../../src/temporal/payoutWithdrawals.ts';
import type { PayoutStatus } from '../../workflows/payoutRun.ts';
import { doneRun, runInput } from '../ledger/payoutInputs.ts';
import { NO_SAGAS } from '../ledger/payoutWorld.ts';
import { actInput } from './inputs.ts';
import { createPayoutSagas, type PayoutSagas } from './payoutWorld.ts';
import { balanceOf, eventually, WAIT_MS, type World, wallet } from './world.ts';

/** Nobody hints here: the run looks by itself, at first every second. */
const PATIENCE = { timeout: 60_000 };

let world: World;
let payouts: PayoutSagas;
beforeAll(async () => {
  payouts = await createPayoutSagas();
  world = payouts.world;
  const rule = { asset: 'USD', owner: null, walletKind: null, approvals: 1 };
  await putApprovalRule(world.db, { id: 'large', ...rule, from: '100' });
});

const handleOf = (id: string) => payouts.handleOf(id);
const stateOf = (id: string) => payouts.stateOf(id);
const lineOf = (runId: string, line: number) => `${runId.replace(/^payoutRun/, 'payout')}:${line}`;

/** So many lines of 1 to the outside, and one to a wallet before them. */
async function mixed(key: string, count: number, more: { destination: string; amount: string }[]) {
  const sum = more.reduce((all, { amount }) => all + Number(amount), count + 1);
  const payer = await wallet(world, String(sum));
  const lines = [
    { wallet: await wallet(world, '0'), amount: '1' },
    ...Array.from({ length: count }, (_, n) => ({ destination: `iban:${n}`, amount: '1' })),
    ...more,
  ];
  return { payer, input: runInput(key, payer, lines) };
}

async function begun(...asked: Parameters<typeof mixed>) {
  const { payer, input } = await mixed(...asked);
  const outcome = await world.sagas.gateway.openPayoutRun(input, WAIT_MS);
  expect(outcome).toMatchObject({ outcome: 'done', begun: true });
  return { payer, id: input.runId };
}

const held = (id: string, count: number) =>
  eventually(
    () => stateOf(id),
    ({ lines }) => lines.held === count,
  );

const finalize = (id: string) =>
  world.sagas.gateway.act(
    'finalize',
    actInput<'finalize'>('finalize', id, 'paid', { amount: null, final: true, txid: null }),
    WAIT_MS,
  );

const statusOf = async (id: string) => (await handleOf(id).describe()).status.name;

describe('a run with lines to the outside', PATIENCE, () => {
  it('begins a saga for each, and ends by itself when they have', async () => {
    const { id, payer } = await begun('outside', 3, [{ destination: 'iban:9', amount: '100' }]);
    const run = await held(id, 4);
    expect(run).toMatchObject({
      status: 'RUNNING',
      paid: '1',
      lines: { settled: 1, waiting: 0 },
      withdrawals: { ready: 3, awaitingApproval: 1 },
    });
    for (const line of [2, 3, 4, 5]) {
      await eventually(
        () => statusOf(lineOf(id, line)).catch(() => 'not there'),
        (status) => status === 'RUNNING',
      );
    }
    const description = await handleOf(lineOf(id, 2)).describe();
    expect(description.type).toBe('withdrawal');
    expect(await description.staticSummary()).toBe(`Withdraw 1 from ${payer} to \`iban:0\``);
    const next = async () => (await handleOf(id).query<PayoutStatus>('status')).next;
    await expect
      .poll(next, { timeout: 15_000 })
      .toBe('Looks again from time to time: 4 withdrawals wait, 1 for approval, 3 for their turn.');
    const { currentDetails } = await handleOf(id).query<{ currentDetails: string }>(
      '__temporal_workflow_metadata',
    );
    expect(currentDetails).toContain('| 4 | 1 | 0 | 3 | 0 | 0 | 0 |');
    expect(currentDetails).toContain('approve or reject what waits for approval');
    for (const line of [2, 3, 4]) await finalize(lineOf(id, line));
    await handleOf(lineOf(id, 5)).signal('release', 'not hers');
    expect(await handleOf(id).result()).toMatchObject({
      status: 'DONE',
      paid: '4',
      lines: { settled: 4, released: 1, held: 0 },
    });
    expect(await balanceOf(world, payer)).toMatchObject({ settled: '100', held: '0' });
    const { next: last } = await handleOf(id).query<PayoutStatus>('status');
    expect(last).toContain('lines?status=released` says why lines were released');
    expect((await audit(world.database.pool)).faults).toEqual([]);
  });

  it('begins the saga of every line of a long list', async () => {
    const { id } = await begun('many', 150, []);
    await held(id, 150);
    const open = Array.from({ length: 150 }, (_, index) => lineOf(id, index + 2));
    await eventually(
      () => Promise.all(open.map((each) => statusOf(each).catch(() => 'not there'))),
      (statuses) => statuses.every((status) => status === 'RUNNING'),
    );
    await handleOf(id).terminate('test');
  });
});

describe('a run that is cancelled', PATIENCE, () => {
  it('gives back what waits for approval, whose sagas end, and waits for the rest', async () => {
    const large = [1, 2].map((n) => ({ destination: `iban:${n}`, amount: '100' }));
    const { id, payer } = await begun('stopped', 1, large);
    await held(id, 3);
    await handleOf(id).signal('cancel', 'wrong list');
    await eventually(
      () => stateOf(id),
      ({ status }) => status === 'CANCELLING',
    );
    for (const line of [3, 4]) {
      expect(await handleOf(lineOf(id, line)).result()).toMatchObject({
        status: 'RELEASED',
        reason: 'PAYOUT_RUN_CANCELLED',
      });
    }
    expect(await statusOf(id)).toBe('RUNNING');
    expect(await balanceOf(world, payer)).toMatchObject({ available: '200', held: '1' });
    await finalize(lineOf(id, 2));
    expect(await handleOf(id).result()).toMatchObject({
      status: 'CANCELLED',
      reason: 'wrong list',
      lines: { settled: 2, released: 2 },
    });
  });

  it('ends the sagas of what it gave back, also where the ledger alone was asked', async () => {
    const { id } = await begun('by the api', 0, [{ destination: 'iban:1', amount: '100' }]);
    await held(id, 1);
    const step = { runId: id, stepKey: 'cancel:shop:x', actor: { name: 'shop', admin: false } };
    const outcome = await cancelPayoutRun(world.db, { ...step, reason: 'no' });
    expect(doneRun(outcome)).toMatchObject({ status: 'CANCELLED', lines: { released: 1 } });
    await world.sagas.gateway.wake(id, 'ledgerChanged');
    expect(await handleOf(lineOf(id, 2)).result()).toMatchObject({ status: 'RELEASED' });
    expect(await handleOf(id).result()).toMatchObject({ status: 'CANCELLED' });
  });
});

describe('a withdrawal whose saga has ended and that is held all the same', PATIENCE, () => {
  it('is told of: an old database may have been restored', async () => {
    const { id } = await begun('behind', 1, []);
    await held(id, 1);
    await eventually(
      () => statusOf(lineOf(id, 2)).catch(() => 'not there'),
      (status) => status === 'RUNNING',
    );
    const told: string[] = [];
    const sink = new Writable({
      write(chunk, _, done) {
        told.push(JSON.parse(String(chunk)).alert);
        done();
      },
    });
    const { client } = world.sagas;
    const hands = createPayoutWithdrawals({ client, db: world.db, log: createLog('error', sink) });
    await hands.begin(lineOf(id, 2), 'USD');
    expect(told, 'one that runs is nothing to tell of').toEqual([]);
    await handleOf(lineOf(id, 2)).terminate('test');
    await hands.begin(lineOf(id, 2), 'USD');
    expect(told).toEqual(['LEDGER_BEHIND_TEMPORAL']);
    const open = await readOpenGroup(world.db, lineOf(id, 2));
    let reads = 0;
    const query = async (...asked: Parameters<typeof world.db.query>) => {
      const [{ name }] = asked as unknown as [{ name?: string }];
      if (name !== 'read_open_group') return world.db.query(...asked);
      return { rows: reads++ === 0 ? [{ item: open }] : [] };
    };
    const db = { query: query as typeof world.db.query };
    const log = createLog('error', sink);
    await createPayoutWithdrawals({ client, db, log }).begin(lineOf(id, 2), 'USD');
    expect(told, 'its saga and its group ended while it was asked').toHaveLength(1);
    await handleOf(id).terminate('test');
  });
});

describe('the sweeper', PATIENCE, () => {
  const sweep = async (name: string) => {
    await world.database.owner.query(
      `update transfer_groups set created_at = created_at - interval '2 minutes'
       where status = 'IN_PROGRESS'`,
    );
    await world.database.owner.query(
      `update payout_runs set created_at = created_at - interval '2 minutes'
       where finished_at is null`,
    );
    return world.sagas.client.workflow.execute('repair', {
      taskQueue: 'holdfast',
      workflowId: `sweep-${name}`,
    }) as Promise<{ restarted: number }>;
  };

  it('brings back a withdrawal of which nobody drives the hold, and the run', async () => {
    const { input } = await mixed('nobody', 1, []);
    doneRun(await openPayoutRun(world.db, input));
    const id = input.runId;
    // Held, and lost between the hold and the start, by one who said that all was well.
    await payPayoutLines(queueSteps(world.db), id, 10, NO_SAGAS);
    expect(await statusOf(lineOf(id, 2)).catch(() => 'not there')).toBe('not there');
    expect((await sweep('nobody')).restarted).toBeGreaterThanOrEqual(2);
    expect(await statusOf(lineOf(id, 2))).toBe('RUNNING');
    await finalize(lineOf(id, 2));
    expect((await handleOf(id).result()) as PayoutRun).toMatchObject({ status: 'DONE', paid: '2' });
  });

  it('brings back the saga of a run that waits for its withdrawals', async () => {
    const { id } = await begun('waits', 1, []);
    await held(id, 1);
    await handleOf(id).terminate('test');
    expect((await sweep('waits')).restarted).toBeGreaterThanOrEqual(1);
    await finalize(lineOf(id, 2));
    expect(await handleOf(id).result()).toMatchObject({ status: 'DONE' });
  });
});

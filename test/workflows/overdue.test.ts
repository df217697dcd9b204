import { Registry } from 'prom-client';
import { beforeAll, describe, expect, it } from 'vitest';
import { readOpenGroup } from '../../src/ledger/openGroups.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { createLog } from '../../src/observability/log.ts';
import { observeOverdueGroups } from '../../src/observability/overdueMetrics.ts';
import { actOnOverdue } from '../../src/temporal/overdue.ts';
import { createSweep } from '../../src/temporal/sweep.ts';
import { holdInput, withdrawalInput } from './inputs.ts';
import {
  balanceOf,
  createWorld,
  doneGroup,
  groupOf,
  WAIT_MS,
  type World,
  wallet,
} from './world.ts';

/** A day ahead by the saga's timer, so that it sleeps whatever the books say. */
const EXPIRES_IN = 86_400;

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

async function held(key: string) {
  const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
  const input = holdInput(key, from, to, '10', { expiresIn: EXPIRES_IN });
  doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
  return { id: input.groupId, from };
}

async function withdrawn(key: string) {
  const input = withdrawalInput(key, await wallet(world, '60'), { expiresIn: EXPIRES_IN });
  doneGroup(await world.sagas.gateway.start('withdrawal', input, WAIT_MS));
  return input.groupId;
}

/** The books say that the deadline was so many seconds ago; the saga's timer does not know. */
const passDeadline = (id: string, seconds: number) =>
  world.database.owner.query(
    `update transfer_groups set created_at = clock_timestamp() - interval '1 hour',
         expires_at = clock_timestamp() - make_interval(secs => $2) where id = $1`,
    [id, seconds],
  );

/** A pass over all open groups; the names of its queries, without those that found the groups. */
async function sweep(): Promise<string[]> {
  world.db.queries.length = 0;
  const { sweepOpenGroups } = createSweep({ ...world.options, client: world.sagas.client });
  await sweepOpenGroups(null, () => {});
  return world.db.queries.filter((name) => /^(ledger|record)_/.test(name));
}

async function overdueGroups(): Promise<number> {
  const registry = new Registry();
  observeOverdueGroups(registry, world.db);
  const [metric] = await registry.getMetricsAsJSON();
  return (metric?.values[0]?.value ?? Number.NaN) as number;
}

const handleOf = (id: string) => world.sagas.client.workflow.getHandle(id);

describe('a deadline that the saga slept through', () => {
  it('is noticed by the sweeper, which gives the hold back and tells the saga', async () => {
    const { id, from } = await held('slept through');
    await passDeadline(id, 200);
    expect(await overdueGroups()).toBe(1);
    await sweep();
    expect(await groupOf(world, id)).toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
    expect((await balanceOf(world, from)).available).toBe('10');
    expect(await overdueGroups()).toBe(0);
    expect(await readTimeline(world.db, id)).toMatchObject([
      { event: 'hold' },
      { event: 'expire', actor: 'sweeper' },
      { event: 'saga.overdue', actor: 'sweeper', reason: expect.stringMatching(/deadline/) },
    ]);
    expect(await handleOf(id).result()).toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
  });

  it('is nothing to tell of where the saga acted just now', async () => {
    const { id } = await held('acted just now');
    await passDeadline(id, 200);
    const open = await readOpenGroup(world.db, id);
    await sweep();
    const alerts: string[] = [];
    const log = createLog('error', { write: (line: string) => alerts.push(line) });
    await actOnOverdue({ ...world.options, client: world.sagas.client, log }, open!);
    expect(alerts).toEqual([]);
  });

  it('is given back without any worker, and the saga ends once one runs', async () => {
    const { id } = await held('no worker');
    await passDeadline(id, 90);
    world.options.work = false;
    await world.restart();
    await sweep();
    expect((await groupOf(world, id)).reason).toBe('EXPIRED');
    world.options.work = true;
    await world.restart();
    expect(await handleOf(id).result()).toMatchObject({ reason: 'EXPIRED' });
  });

  it('is left to the saga for a minute', async () => {
    const { id } = await held('a moment ago');
    await passDeadline(id, 30);
    expect(await sweep()).toEqual([]);
    expect((await groupOf(world, id)).status).toBe('IN_PROGRESS');
    expect(await overdueGroups()).toBe(0);
  });

  it('marks a withdrawal without a chain as stuck, once', async () => {
    const id = await withdrawn('nobody says that it was paid');
    await passDeadline(id, 200);
    expect(await overdueGroups()).toBe(1);
    expect(await sweep()).toEqual(['ledger_mark_stuck', 'record_fact']);
    const { status, withdrawal } = await groupOf(world, id);
    expect([status, withdrawal?.state]).toEqual(['IN_PROGRESS', 'stuck']);
    expect(await sweep()).toEqual([]);
    expect(await overdueGroups()).toBe(0);
  });

  it('is nothing to a withdrawal that a custodian pays: he says what became of it', async () => {
    const id = await withdrawn('with a custodian');
    await passDeadline(id, 200);
    const open = await readOpenGroup(world.db, id);
    const deps = { ...world.options, client: world.sagas.client };
    await actOnOverdue(deps, { ...open!, custodial: true });
    expect((await groupOf(world, id)).withdrawal?.state).not.toBe('stuck');
  });
});

import { Writable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import type { UpdateAnswer } from '../../src/contracts/sagas.ts';
import { listGroupEntries } from '../../src/ledger/entries.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { createLog } from '../../src/observability/log.ts';
import { connectTemporal } from '../../src/temporal/client.ts';
import { startSagas } from '../../src/temporal/sagas.ts';
import { startSaga } from '../../src/temporal/start.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { temporalNamespace } from '../support/testServers.ts';
import { actInput, holdInput, leg, transferInput } from './inputs.ts';
import {
  balanceOf,
  createWorld,
  doneGroup,
  eventually,
  groupOf,
  WAIT_MS,
  type World,
  wallet,
} from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

const handleOf = (groupId: string) => world.sagas.client.workflow.getHandle(groupId);
const statusOf = async (groupId: string) => (await handleOf(groupId).describe()).status.name;

async function held(key: string, expiresIn = 86_400) {
  const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
  const input = holdInput(key, from, to, '10', { expiresIn });
  doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
  return { from, to, id: input.groupId, input };
}

/** The sweeper leaves groups of the last minute alone, so a test makes its own older. */
async function makeOlder(id: string): Promise<void> {
  await world.database.owner.query(
    `update transfer_groups set created_at = created_at - interval '2 minutes',
       expires_at = expires_at - interval '2 minutes' where id = $1`,
    [id],
  );
}

let sweeps = 0;
const sweep = () =>
  world.sagas.client.workflow.execute<() => Promise<{ restarted: number; buried: number }>>(
    'repair',
    { taskQueue: 'holdfast', workflowId: `sweep-${++sweeps}`, args: [] as unknown as [] },
  );

/**
 * A namespace that knows no workflow is what retention leaves; deleting one takes half a minute.
 */
async function forgetWorkflows(): Promise<void> {
  world.options.namespace = await temporalNamespace();
  await world.restart();
}

describe('a saga that was terminated', () => {
  it('is started again by the sweeper and goes on from the ledger', async () => {
    const { id, to } = await held('terminated', 600);
    const extend = actInput<'extend'>('extend', id, '1', { expiresIn: 3600 });
    doneGroup(await world.sagas.gateway.act('extend', extend, WAIT_MS));
    await handleOf(id).terminate('test');
    await makeOlder(id);
    const { expiresAt } = await groupOf(world, id);
    expect((await sweep()).restarted).toBe(1);
    expect(await statusOf(id)).toBe('RUNNING');
    const { group } = await handleOf(id).query<{ group: { expiresAt: string } }>('status');
    expect(group.expiresAt).toBe(expiresAt);
    const restarted = (await readTimeline(world.db, id)).at(-1);
    expect(restarted).toMatchObject({ event: 'saga.restarted', actor: 'sweeper' });
    await handleOf(id).signal('settle');
    expect(await handleOf(id).result()).toMatchObject({ status: 'SETTLED' });
    expect((await balanceOf(world, to)).available).toBe('10');
  });

  it('is left alone by the sweeper while it runs, and when its group is finished', async () => {
    const running = await held('left alone');
    await makeOlder(running.id);
    const { runId } = await handleOf(running.id).describe();
    expect((await sweep()).restarted).toBe(0);
    expect((await handleOf(running.id).describe()).runId).toBe(runId);
    await handleOf(running.id).cancel();
  });

  it('expires at a deadline that passed while nobody was there', async () => {
    const { id, from } = await held('expired while away', 60);
    await handleOf(id).terminate('test');
    await makeOlder(id);
    await sweep();
    expect(await handleOf(id).result()).toMatchObject({ status: 'CANCELLED', reason: 'EXPIRED' });
    expect((await balanceOf(world, from)).available).toBe('10');
  });

  it('drives nothing where it was started again with another request', async () => {
    const { id, from, input } = await held('other request');
    await handleOf(id).terminate('test');
    const legs = input.legs.map((each) => ({ ...each, amount: '9' }));
    await world.sagas.client.workflow.start('transfer', {
      taskQueue: 'holdfast',
      workflowId: id,
      args: [{ ...input, legs }],
    });
    await expect.poll(() => statusOf(id), { timeout: WAIT_MS }).toBe('COMPLETED');
    expect(await handleOf(id).result()).toMatchObject({ status: 'IN_PROGRESS', reason: null });
    expect((await groupOf(world, id)).status).toBe('IN_PROGRESS');
    expect((await balanceOf(world, from)).held).toBe('10');
  });

  it('comes back for an act on its open group, and answers for a finished one', async () => {
    const { id, to } = await held('terminated before act');
    await handleOf(id).terminate('test');
    const settle = actInput<'settle'>('settle', id, '1', { legs: null, final: true });
    const { gateway } = world.sagas;
    expect(doneGroup(await gateway.act('settle', settle, WAIT_MS)).status).toBe('SETTLED');
    expect((await balanceOf(world, to)).available).toBe('10');
    await handleOf(id).result();
    expect(await gateway.act('settle', settle, WAIT_MS)).toMatchObject({ replayed: true });
    const cancel = actInput<'cancel'>('cancel', id, '1', { reason: 'late' });
    expect(await gateway.act('cancel', cancel, WAIT_MS)).toMatchObject({
      outcome: 'refused',
      frozen: true,
      refusal: { code: 'GROUP_NOT_OPEN' },
    });
  });
});

describe('a saga that nobody knows', () => {
  it('answers an act with not_found', async () => {
    const act = actInput<'cancel'>('cancel', 'transfer:shop:never', '1', { reason: 'none' });
    expect(await world.sagas.gateway.act('cancel', act, WAIT_MS)).toEqual({ outcome: 'not_found' });
  });
});

describe('a workflow that Temporal no longer knows', () => {
  it('leaves the first answer under its key, and moves nothing again', async () => {
    const [from, to] = [await wallet(world, '20'), await wallet(world, '0')];
    const legs = [leg(from, 'DEBIT', '10'), leg(to, 'CREDIT', '10')];
    const input = transferInput('forgotten', legs);
    const { gateway } = world.sagas;
    const first = doneGroup(await gateway.start('transfer', input, WAIT_MS));
    await handleOf(input.groupId).result();
    await forgetWorkflows();
    const again = await world.sagas.gateway.start('transfer', input, WAIT_MS);
    expect(again).toMatchObject({ outcome: 'done', replayed: true, group: first });
    expect((await balanceOf(world, to)).available).toBe('10');
    const { data } = await listGroupEntries(world.db, input.groupId, { limit: 10 });
    expect(data).toHaveLength(4);
  });

  it('is brought back for an act while its group is open', async () => {
    const { id } = await held('forgotten while open');
    await forgetWorkflows();
    const release = actInput<'release'>('release', id, '1', { reason: 'after retention' });
    const outcome = await world.sagas.gateway.act('release', release, WAIT_MS);
    expect(doneGroup(outcome).status).toBe('RELEASED');
  });
});

describe('an act that comes late', () => {
  it('since no worker ran is refused for good, and moves nothing', async () => {
    const { id, from } = await held('late act');
    const acceptBy = new Date(Date.now() + 500).toISOString();
    const asked = { legs: null, final: true };
    const settle = actInput<'settle'>('settle', id, '1', { ...asked, acceptBy });
    await world.sagas.stop();
    const temporal = await connectTemporal(world.options);
    const sent = temporal.client.workflow
      .getHandle(id)
      .executeUpdate<UpdateAnswer, [unknown, string]>('settle', { args: [settle, 'caller'] });
    sent.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 600));
    await world.restart();
    expect(await sent).toMatchObject({ refusal: { code: 'NOT_ACCEPTED_IN_TIME' } });
    await temporal.close();
    const again = actInput<'settle'>('settle', id, '1', asked);
    expect(await world.sagas.gateway.act('settle', again, WAIT_MS)).toMatchObject({
      outcome: 'refused',
      replayed: true,
      refusal: { code: 'NOT_ACCEPTED_IN_TIME' },
    });
    expect((await balanceOf(world, from)).held).toBe('10');
  });
});

describe('a first step that comes late', () => {
  it('after acceptBy is refused for good, and moves nothing', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const acceptBy = new Date(Date.now() + 500).toISOString();
    const input = holdInput('late', from, to, '10', { acceptBy });
    await world.sagas.stop();
    const temporal = await connectTemporal(world.options);
    await startSaga(temporal.client, 'transfer', input, { deadline: Date.now() + WAIT_MS });
    await new Promise((resolve) => setTimeout(resolve, 600));
    await temporal.close();
    await world.restart();
    expect(await handleOf(input.groupId).result()).toMatchObject({
      status: 'CANCELLED',
      refusal: { code: 'NOT_ACCEPTED_IN_TIME' },
    });
    const again = { ...input, acceptBy: null };
    expect(await world.sagas.gateway.start('transfer', again, WAIT_MS)).toMatchObject({
      outcome: 'refused',
      replayed: true,
      refusal: { code: 'NOT_ACCEPTED_IN_TIME' },
    });
    expect((await balanceOf(world, from)).held).toBe('0');
  });

  it.each(['its own caller', 'the sweeper'])('after termination is buried by %s', async (who) => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = holdInput(`terminated at once, ${who}`, from, to, '10');
    await world.sagas.stop();
    const temporal = await connectTemporal(world.options);
    await startSaga(temporal.client, 'transfer', input, { deadline: Date.now() + WAIT_MS });
    await temporal.client.workflow.getHandle(input.groupId).terminate('test');
    await temporal.close();
    await world.restart();
    if (who === 'the sweeper') {
      await eventually(sweep, ({ buried }) => buried === 1);
      expect((await sweep()).buried).toBe(0);
    }
    const outcome = await world.sagas.gateway.start('transfer', input, WAIT_MS);
    expect(outcome).toMatchObject({ outcome: 'refused', refusal: { code: 'GROUP_NOT_OPEN' } });
    expect(await groupOf(world, input.groupId)).toMatchObject({
      status: 'CANCELLED',
      reason: 'TERMINATED_BEFORE_FIRST_STEP',
      legs: [],
    });
    expect((await balanceOf(world, from)).held).toBe('0');
  });
});

describe('a database that is older than Temporal', () => {
  it('raises an alert, and nothing runs again', async () => {
    const { input } = await held('before the restore');
    await handleOf(input.groupId).signal('cancel');
    await handleOf(input.groupId).result();
    await world.sagas.stop();
    const restored = await createTestDatabase();
    const lines: string[] = [];
    const sink = new Writable({
      write(chunk, _, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const log = createLog('error', sink);
    const sagas = await startSagas({ ...world.options, db: restored.pool, log });
    const outcome = await sagas.gateway.start('transfer', input, WAIT_MS);
    await sagas.stop();
    await world.restart();
    expect(outcome).toMatchObject({ outcome: 'unavailable', code: 'UNAVAILABLE' });
    expect(outcome).toHaveProperty('detail', expect.stringContaining('older than Temporal'));
    const alerts = lines.filter((line) => JSON.parse(line).alert === 'LEDGER_BEHIND_TEMPORAL');
    expect(alerts).toHaveLength(1);
  });

  it('ends a saga that waits for what is not there, and says so to who asks again', async () => {
    const [asked, acted, due, left] = await Promise.all([
      held('asked after the restore'),
      held('acted on after the restore'),
      held('due after the restore', 4),
      held('cancelled after the restore'),
    ]);
    await world.sagas.stop();
    const restored = await createTestDatabase();
    const sagas = await startSagas({ ...world.options, db: restored.pool });
    const { gateway, client } = sagas;
    const outcome = await gateway.start('transfer', asked.input, 500);
    const release = actInput<'release'>('release', acted.id, '1', { reason: 'sold out' });
    const act = await gateway.act('release', release, WAIT_MS);
    await client.workflow.getHandle(left.id).cancel();
    const ends = [asked, acted, due, left].map(({ id }) => client.workflow.getHandle(id).result());
    const reasons = await Promise.allSettled(ends);
    await sagas.stop();
    await world.restart();
    expect(outcome).toMatchObject({ outcome: 'unavailable', code: 'UNAVAILABLE' });
    expect(outcome).toHaveProperty('detail', expect.stringContaining('older than Temporal'));
    expect(act).toEqual({ outcome: 'not_found' });
    const type = 'LEDGER_BEHIND_TEMPORAL';
    expect(reasons).toEqual(Array(4).fill({ status: 'rejected', reason: expect.any(Error) }));
    const ended = reasons.slice(0, 3);
    for (const each of ended) expect(each).toMatchObject({ reason: { cause: { type } } });
    // What nobody wants is cancelled, so that nothing late is held.
    const cancelled = { status: 'CANCELLED', reason: 'WORKFLOW_CANCELLED', legs: [] };
    expect(await readGroup(restored.pool, left.id)).toMatchObject(cancelled);
  });
});

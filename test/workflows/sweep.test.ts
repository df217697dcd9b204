import { defaultPayloadConverter } from '@temporalio/common';
import { beforeAll, describe, expect, it } from 'vitest';
import type { SweepCursor } from '../../activities/sweepActivities.ts';
import { SAGA_TASK_QUEUE, WORKFLOW } from '../../src/contracts/sagas.ts';
import { createSweep } from '../../src/temporal/sweep.ts';
import { temporalNamespace } from '../support/testServers.ts';
import { holdInput } from './inputs.ts';
import { createWorld, doneGroup, eventually, WAIT_MS, type World, wallet } from './world.ts';

/** More groups than a pass looks up: `most` is small here. */
const GROUPS = 30;

let world: World;
let wallets: [string, string];
const ids: string[] = [];
beforeAll(async () => {
  world = await createWorld();
  wallets = [await wallet(world, '100'), await wallet(world, '0')];
  for (let made = 0; made < GROUPS; made += 1) {
    const input = holdInput(`swept ${made}`, ...wallets, '1');
    doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
    ids.push(input.groupId);
  }
  await makeOld();
});

/** The sweeper leaves groups of the last minute alone. */
async function makeOld() {
  await world.database.owner.query(
    `update transfer_groups set created_at = created_at - interval '2 minutes'
       where status = 'IN_PROGRESS'`,
  );
}

/** As another build wrote it, which this one cannot read. Answers how to undo it. */
async function spoilRequest(id: string): Promise<() => Promise<void>> {
  const change = async (request: unknown) => {
    const owner = await world.database.owner.connect();
    await owner.query('set session_replication_role = replica');
    const { rows } = await owner.query(
      `update operations o set request = $2 from operations before
        where o.group_id = $1 and before.group_id = o.group_id and before.step_key = o.step_key
        returning before.request`,
      [id, JSON.stringify(request)],
    );
    await owner.query('set session_replication_role = origin');
    owner.release();
    return rows[0].request;
  };
  const request = await change({});
  return () => change(request);
}

/**
 * One pass over the open groups, from where the last one ended; the ids that Temporal was asked.
 */
async function pass(most: number, from: SweepCursor = null) {
  const { client } = world.sagas;
  const asked: string[] = [];
  const workflow = Object.create(client.workflow, {
    getHandle: {
      value: (id: string, ...rest: []) => {
        asked.push(id);
        return client.workflow.getHandle(id, ...rest);
      },
    },
  });
  const watched = Object.create(client, { workflow: { value: workflow } });
  const { db, log } = world.options;
  const sweep = createSweep({ client: watched, db, log }, { most });
  const parts = [await sweep.sweepOpenGroups(from, () => {})];
  for (let next = parts[0]?.next; next; next = parts.at(-1)?.next) {
    parts.push(await sweep.sweepOpenGroups(next, () => {}));
  }
  const restarted = parts.reduce((sum, part) => sum + part.restarted, 0);
  return { asked, restarted, rest: parts.at(-1)?.rest ?? null };
}

const statusOf = async (id: string) =>
  (await world.sagas.client.workflow.getHandle(id).describe()).status.name;

describe('a pass of the sweeper', () => {
  it('looks all open groups up while they are few', async () => {
    const { asked, restarted, rest } = await pass(GROUPS);
    expect(asked.sort()).toEqual([...ids].sort());
    expect([restarted, rest]).toEqual([0, null]);
  });

  it('looks so many up and no more, and the next one goes on behind them', async () => {
    const first = await pass(12);
    const second = await pass(12, first.rest);
    // Younger than the round: it is for the next one, else a round of a busy ledger had no end.
    const late = holdInput('made late', ...wallets, '1');
    doneGroup(await world.sagas.gateway.start('transfer', late, WAIT_MS));
    const third = await pass(12, second.rest);
    expect([first, second, third].map(({ asked }) => asked.length)).toEqual([12, 12, 6]);
    expect([first, second, third].flatMap(({ asked }) => asked).sort()).toEqual([...ids].sort());
    expect(third.rest).toBeNull();
    expect((await pass(12, third.rest)).asked).toEqual(first.asked);
    // Its own request may be beginning it just now.
    expect((await pass(GROUPS + 1)).asked).not.toContain(late.groupId);
    await makeOld();
    expect((await pass(GROUPS + 1)).asked.sort()).toEqual([...ids, late.groupId].sort());
    ids.push(late.groupId);
  });

  it('goes on where the run before it ended, as the schedule tells it', async () => {
    const { client } = world.sagas;
    const { rest } = await pass(12);
    const last = { looked: 12, restarted: 0, buried: 0, rest };
    // What a schedule starts; the client's own calls have no last result.
    await client.workflowService.startWorkflowExecution({
      namespace: client.options.namespace,
      workflowId: 'next pass',
      workflowType: { name: WORKFLOW.repair },
      taskQueue: { name: SAGA_TASK_QUEUE },
      requestId: 'next pass',
      lastCompletionResult: { payloads: [defaultPayloadConverter.toPayload(last)] },
    });
    const result = await client.workflow.getHandle('next pass').result();
    expect(result).toEqual({ looked: 12, restarted: 0, buried: 0, rest: expect.any(String) });
  });

  it('finds who ended by force in any part, by the list of these', async () => {
    const [id] = ids as [string];
    const { client } = world.sagas;
    await client.workflow.getHandle(id).terminate('test');
    await eventually(
      () => createSweep({ ...world.options, client }).sweepEndedSagas(() => {}),
      ({ restarted }) => restarted === 1,
    );
    expect(await statusOf(id)).toBe('RUNNING');
  });

  it('goes on with the others where one cannot be brought back', async () => {
    const [spoiled, lost] = ids.slice(1, 3) as [string, string];
    const { client } = world.sagas;
    const restore = await spoilRequest(spoiled);
    for (const id of [spoiled, lost]) await client.workflow.getHandle(id).terminate('test');
    expect((await pass(GROUPS)).restarted).toBe(1);
    expect(await statusOf(lost)).toBe('RUNNING');
    await restore();
    expect((await pass(GROUPS)).restarted).toBe(1);
    expect(await statusOf(spoiled)).toBe('RUNNING');
  });

  it('goes on with the others where somebody ended a saga that was none', async () => {
    const { client } = world.sagas;
    const taskQueue = SAGA_TASK_QUEUE;
    await client.workflow.start('transfer', { workflowId: 'none', taskQueue, args: [] });
    await client.workflow.getHandle('none').terminate('test');
    const query = "WorkflowId = 'none' AND ExecutionStatus = 'Terminated'";
    await eventually(
      async () => (await client.workflow.count(query)).count,
      (count) => count === 1,
    );
    const swept = await createSweep({ ...world.options, client }).sweepEndedSagas(() => {});
    expect(swept.looked).toBeGreaterThanOrEqual(1);
  });

  it('goes through all of them where many have no saga', async () => {
    // A namespace that knows no workflow is what a lost Temporal is.
    world.options.namespace = await temporalNamespace();
    await world.restart();
    expect((await pass(GROUPS / 2)).restarted).toBe(ids.length);
    for (const id of ids) expect(await statusOf(id)).toBe('RUNNING');
  });
});

import { beforeAll, describe, expect, it } from 'vitest';
import type { SweepPart } from '../../activities/sweepActivities.ts';
import { createSweep } from '../../src/temporal/sweep.ts';
import { temporalNamespace } from '../support/testServers.ts';
import { holdInput } from './inputs.ts';
import { createWorld, doneGroup, eventually, WAIT_MS, type World, wallet } from './world.ts';

/** More groups than a pass looks up: `most` is small here. */
const GROUPS = 30;
const MINUTE_MS = 60_000;

let world: World;
const ids: string[] = [];
beforeAll(async () => {
  world = await createWorld();
  const [from, to] = [await wallet(world, '100'), await wallet(world, '0')];
  for (let made = 0; made < GROUPS; made += 1) {
    const input = holdInput(`swept ${made}`, from, to, '1');
    doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
    ids.push(input.groupId);
  }
  await world.database.owner.query(
    `update transfer_groups set created_at = created_at - interval '2 minutes'
       where status = 'IN_PROGRESS'`,
  );
});

/** One pass over the open groups in the minute of that number; the ids that Temporal was asked. */
async function pass(most: number, minute: number) {
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
  const now = () => minute * MINUTE_MS;
  const sweep = createSweep({ client: watched, db, log }, { most, now });
  const parts: SweepPart[] = [];
  do {
    parts.push(await sweep.sweepOpenGroups(parts.at(-1)?.next ?? null, () => {}));
  } while (parts.at(-1)?.next);
  const restarted = parts.reduce((sum, part) => sum + part.restarted, 0);
  return { asked, restarted };
}

const statusOf = async (id: string) =>
  (await world.sagas.client.workflow.getHandle(id).describe()).status.name;

describe('a pass of the sweeper', () => {
  it('looks all open groups up while they are few', async () => {
    const { asked, restarted } = await pass(GROUPS, 0);
    expect(asked.sort()).toEqual([...ids].sort());
    expect(restarted).toBe(0);
  });

  it('looks a part of many up, and passes after each other each of them once', async () => {
    const passes = [await pass(10, 7), await pass(10, 8), await pass(10, 9)];
    expect(passes.flatMap(({ asked }) => asked).sort()).toEqual([...ids].sort());
    for (const { asked } of passes) expect(asked.length).toBeLessThan(GROUPS);
    expect((await pass(10, 10)).asked).toEqual(passes[0]?.asked);
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

  it('goes through all of them where many have no saga', async () => {
    // A namespace that knows no workflow is what a lost Temporal is.
    world.options.namespace = await temporalNamespace();
    await world.restart();
    expect((await pass(GROUPS / 2, 0)).restarted).toBe(GROUPS);
    for (const id of ids) expect(await statusOf(id)).toBe('RUNNING');
  });
});

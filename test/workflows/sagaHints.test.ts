/** A word that was written while nobody told the saga: the sweeper does. */
import { beforeAll, expect, it } from 'vitest';
import { reject } from '../../src/ledger/reject.ts';
import { createSweep } from '../../src/temporal/sweep.ts';
import { tellHints } from '../../src/temporal/wake.ts';
import { withdrawalInput } from './inputs.ts';
import { createWorld, doneGroup, WAIT_MS, type World, wallet } from './world.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

/** A withdrawal that no rule asks about and that has no deadline: nothing wakes its saga. */
async function held(name: string): Promise<string> {
  const input = withdrawalInput(name, await wallet(world, '60'));
  doneGroup(await world.sagas.gateway.start('withdrawal', input, WAIT_MS));
  return input.groupId;
}

/** Writes a no, as a process that dies before it has told anybody. */
async function refuse(groupId: string): Promise<void> {
  const actor = { name: 'ann', admin: false };
  const step = { groupId, stepKey: 'reject:ann:1', actor, amount: null, final: true };
  expect(await reject(world.db, { ...step, reason: 'no' })).toMatchObject({ outcome: 'done' });
}

const sweep = () => {
  const { client } = world.sagas;
  return createSweep({ ...world.options, client }).sweepEndedSagas(() => {});
};
const owed = async () => {
  const { rows } = await world.database.owner.query('select group_id from saga_hints order by id');
  return rows.map(({ group_id }) => group_id);
};
const statusOf = async (id: string) =>
  (await world.sagas.client.workflow.getHandle(id).describe()).status.name;

it('ends a saga over a finished group', async () => {
  const id = await held('refused');
  await refuse(id);
  expect(await statusOf(id)).toBe('RUNNING');
  expect(await sweep()).toMatchObject({ looked: 1, restarted: 0, buried: 0 });
  expect(await world.sagas.client.workflow.getHandle(id).result()).toMatchObject({
    status: 'CANCELLED',
    reason: 'no',
  });
  expect(await owed()).toEqual([]);
  expect(await sweep()).toMatchObject({ looked: 0 });
});

it('is nothing more to do where its writer told it', async () => {
  const id = await held('told');
  await refuse(id);
  await world.sagas.gateway.wake(id);
  expect(await owed()).toEqual([]);
  expect(await world.sagas.client.workflow.getHandle(id).result()).toMatchObject({ reason: 'no' });
});

it('waits for the sweeper where Temporal is away when it is told', async () => {
  const id = await held('away');
  await refuse(id);
  const other = await held('away as well');
  await refuse(other);
  const { gateway, client } = world.sagas;
  await world.sagas.stop();
  await gateway.wake(id);
  let asked = 0;
  // Who finds Temporal away asks it for nobody else.
  expect(await tellHints({ ...world.options, client }, () => (asked += 1))).toBe(0);
  expect(asked).toBe(0);
  expect(await owed()).toEqual([id, other]);
  await world.restart();
  await sweep();
  expect(await owed()).toEqual([]);
  expect(await world.sagas.client.workflow.getHandle(id).result()).toMatchObject({ reason: 'no' });
});

it('is owed still where the saga was told of something else', async () => {
  const id = await held('told of another thing');
  await refuse(id);
  await world.sagas.gateway.wake(id, 'ledgerChanged');
  expect(await owed()).toEqual([id]);
  await sweep();
  expect(await owed()).toEqual([]);
});

it('goes to the saga that begins again where it is open and has none', async () => {
  const id = await held('gone');
  await world.sagas.client.workflow.getHandle(id).terminate('a test');
  await world.database.owner.query('insert into saga_hints (group_id) values ($1)', [id]);
  // The list of what ended by force may lag behind; who was told is enough.
  await sweep();
  expect(await statusOf(id)).toBe('RUNNING');
  expect(await owed()).toEqual([]);
});

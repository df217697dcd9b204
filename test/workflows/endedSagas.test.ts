/** Sagas that ended by force: which begin again, which are buried, of which somebody is told. */
import { beforeAll, expect, it } from 'vitest';
import { openDeposit } from '../../src/ledger/openDeposit.ts';
import { readOpenGroup } from '../../src/ledger/openGroups.ts';
import { createLog } from '../../src/observability/log.ts';
import { connectTemporal } from '../../src/temporal/client.ts';
import type { SweepDeps } from '../../src/temporal/deps.ts';
import { repairOpenGroup } from '../../src/temporal/repair.ts';
import { startSagas } from '../../src/temporal/sagas.ts';
import { startSaga } from '../../src/temporal/start.ts';
import { createSweep } from '../../src/temporal/sweep.ts';
import { sweepOne } from '../../src/temporal/sweepOne.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { depositInput, holdInput } from './inputs.ts';
import { createWorld, doneGroup, eventually, WAIT_MS, type World, wallet } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

const handleOf = (id: string) => world.sagas.client.workflow.getHandle(id);
const statusOf = async (id: string) => (await handleOf(id).describe()).status.name;

async function held(key: string): Promise<string> {
  const input = holdInput(key, await wallet(world, '10'), await wallet(world, '0'), '10');
  doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
  return input.groupId;
}

/** What a sweep over this ledger tells somebody of: the alerts and whom they are about. */
async function alertsOf(db: SweepDeps['db'], client = world.sagas.client) {
  const alerts: string[] = [];
  const write = (line: string) => {
    const { alert, groupId } = JSON.parse(line);
    alerts.push(`${alert} ${groupId}`);
  };
  const sweep = createSweep({ client, db, log: createLog('error', { write }) });
  const part = await sweep.sweepEndedSagas(() => {});
  return { alerts: alerts.sort(), buried: part.buried };
}

it('of an old database are told of and not buried, and go on where their groups are', async () => {
  const [failed, terminated] = [await held('failed'), await held('terminated')];
  await world.sagas.stop();
  const { pool } = await createTestDatabase();
  const sagas = await startSagas({ ...world.options, db: pool });
  const { workflow } = sagas.client;
  await workflow.getHandle(failed).signal('ledgerChanged');
  await expect(workflow.getHandle(failed).result()).rejects.toMatchObject({
    cause: { type: 'LEDGER_BEHIND_TEMPORAL' },
  });
  await workflow.getHandle(terminated).terminate('test');
  const told = await eventually(
    () => alertsOf(pool, sagas.client),
    ({ alerts }) => alerts.length > 1,
  );
  await sagas.stop();
  await world.restart();
  const behind = (id: string) => `LEDGER_BEHIND_TEMPORAL ${id}`;
  expect(told).toEqual({ alerts: [behind(failed), behind(terminated)], buried: 0 });
  expect((await alertsOf(world.db)).alerts).toEqual([]);
  expect([await statusOf(failed), await statusOf(terminated)]).toEqual(['RUNNING', 'RUNNING']);
});

it('whose first step answered for another key are not buried', async () => {
  const to = await wallet(world, '0');
  const [first, again] = [depositInput('first', to, 'wire'), depositInput('again', to, 'wire')];
  doneGroup(await world.sagas.gateway.start('deposit', first, WAIT_MS));
  await world.sagas.stop();
  const temporal = await connectTemporal(world.options);
  await startSaga(temporal.client, 'deposit', again, { deadline: Date.now() + WAIT_MS });
  // Its step was taken by a worker that then died.
  expect(await openDeposit(world.db, again)).toMatchObject({ group: { id: first.groupId } });
  await temporal.client.workflow.getHandle(again.groupId).terminate('test');
  await temporal.close();
  await world.restart();
  const query = `WorkflowId = '${again.groupId}' AND ExecutionStatus = 'Terminated'`;
  await eventually(
    async () => (await world.sagas.client.workflow.count(query)).count,
    (count) => count === 1,
  );
  expect(await alertsOf(world.db)).toEqual({ alerts: [], buried: 0 });
});

it('of a group that does not know how it was opened are told of, and not begun', async () => {
  const id = await held('without request');
  await handleOf(id).terminate('test');
  const open = await readOpenGroup(world.db, id);
  const deps = { client: world.sagas.client, db: world.db, log: world.options.log };
  expect(await repairOpenGroup(deps, { ...open!, request: null })).toBe(false);
  expect(await statusOf(id)).toBe('TERMINATED');
});

it('are left for the next pass, all of them, while a server is away', async () => {
  const { client } = world.sagas;
  const away = () => Promise.reject(new Error('The books are away.'));
  const deps = { client, log: world.options.log, db: { query: away as never } };
  await expect(sweepOne(deps, 'any', away)).rejects.toThrow('The books are away.');
  await expect(sweepOne({ ...deps, db: world.db }, 'any', away)).resolves.toBeUndefined();
});

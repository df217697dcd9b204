import { describe, it } from 'vitest';
import { listGroupEntries } from '../../src/ledger/entries.ts';
import { connectTemporal } from '../../src/temporal/client.ts';
import { startSagas } from '../../src/temporal/sagas.ts';
import { startSaga } from '../../src/temporal/start.ts';
import { actInput, holdInput } from './inputs.ts';
import {
  balanceOf,
  childWorker,
  createWorld,
  doneGroup,
  eventually,
  groupOf,
  WAIT_MS,
  wallet,
} from './world.ts';

/** Temporal hands a task on when its worker has been silent for ten seconds. */
const HAND_OVER_MS = 120_000;

// Each waits for ten seconds until Temporal knows; they wait together.
describe.concurrent('a worker that dies between a step and its record', () => {
  it('leaves one hold, and another worker goes on from there', {
    timeout: HAND_OVER_MS,
  }, async ({ expect, onTestFinished }) => {
    const world = await createWorld({}, onTestFinished);
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    await world.sagas.stop();
    const temporal = await connectTemporal(world.options);
    const { died } = await childWorker(world, 'ledger_open_transfer_pair');
    const input = holdInput('crash after hold', from, to, '10');
    await startSaga(temporal.client, 'transfer', input, { deadline: Date.now() + WAIT_MS });
    expect(await died).toEqual([null, 'SIGKILL']);
    expect((await groupOf(world, input.groupId)).status).toBe('IN_PROGRESS');
    await temporal.close();

    await world.restart();
    const handle = world.sagas.client.workflow.getHandle(input.groupId);
    const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
    const outcome = await world.sagas.gateway.act('settle', settle, 30_000);
    expect(doneGroup(outcome).status).toBe('SETTLED');
    expect(await handle.result()).toMatchObject({ status: 'SETTLED' });
    const { data } = await listGroupEntries(world.db, input.groupId, { limit: 10 });
    expect(data.map(({ status }) => status)).toEqual(['HOLD', 'HOLD', 'SETTLED', 'SETTLED']);
    expect((await balanceOf(world, to)).available).toBe('10');
  });

  it('leaves one settlement, and its caller is told', {
    timeout: HAND_OVER_MS,
  }, async ({ expect, onTestFinished }) => {
    const world = await createWorld({}, onTestFinished);
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = holdInput('crash after settle', from, to, '10');
    await world.sagas.gateway.start('transfer', input, WAIT_MS);
    await world.sagas.stop();
    const { died } = await childWorker(world, 'ledger_settle');
    const temporal = await connectTemporal(world.options);
    const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
    const update = temporal.client.workflow
      .getHandle(input.groupId)
      .executeUpdate('settle', { updateId: settle.stepKey, args: [settle] });
    expect(await died).toEqual([null, 'SIGKILL']);
    expect((await groupOf(world, input.groupId)).status).toBe('SETTLED');

    await world.restart();
    expect(await update).toMatchObject({ outcome: 'done', replayed: true, groupStatus: 'SETTLED' });
    await temporal.close();
    const handle = world.sagas.client.workflow.getHandle(input.groupId);
    const ended = await eventually(
      () => handle.describe(),
      ({ status }) => status.name !== 'RUNNING',
    );
    expect(ended.status.name).toBe('COMPLETED');
    const { data } = await listGroupEntries(world.db, input.groupId, { limit: 10 });
    expect(data).toHaveLength(4);
  });

  it('leaves its caller the first answer, not one that was given before', {
    timeout: HAND_OVER_MS,
  }, async ({ expect, onTestFinished }) => {
    const world = await createWorld({}, onTestFinished);
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = holdInput('crash after a part', from, to, '10');
    await world.sagas.gateway.start('transfer', input, WAIT_MS);
    await world.sagas.stop();
    const { died } = await childWorker(world, 'ledger_settle');
    const door = await startSagas({ ...world.options, work: false });
    const legs = [1, 2].map((leg) => ({ leg, amount: '4' }));
    const part = actInput<'settle'>('settle', input.groupId, '1', { legs, final: false });
    const told = door.gateway.act('settle', part, 30_000);
    expect(await died).toEqual([null, 'SIGKILL']);
    await world.restart();
    expect(await told).toMatchObject({ outcome: 'done', replayed: false });
    expect((await balanceOf(world, to)).available).toBe('4');
    await door.stop();
  });
});

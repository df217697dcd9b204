import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { createLedgerActivities } from '../../activities/ledgerActivities.ts';
import type { Db } from '../../src/db/pool.ts';
import { startTemporal } from '../../src/dev/stack/temporal.ts';
import { createStartsAhead } from '../../src/temporal/aheadOfStart.ts';
import { connectTemporal } from '../../src/temporal/client.ts';
import { createGateway } from '../../src/temporal/gateway.ts';
import { createHeadStarts } from '../../src/temporal/headStart.ts';
import { createOutcomes } from '../../src/temporal/outcomes.ts';
import { startSagas } from '../../src/temporal/sagas.ts';
import { actInput, holdInput, leg, transferInput } from './inputs.ts';
import {
  childWorker,
  createWorld,
  doneGroup,
  groupOf,
  WAIT_MS,
  type World,
  wallet,
} from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

async function holdOf(key: string, amount = '1') {
  return holdInput(key, await wallet(world, '10'), await wallet(world, '0'), amount);
}

describe('the gateway', () => {
  it('answers before Temporal has recorded the step, once the ledger has it', async () => {
    const input = await holdOf('told by the step');
    const outcome = await world.sagas.gateway.start('transfer', input, WAIT_MS);
    expect(outcome).toMatchObject({ outcome: 'done', replayed: false });
    expect(await groupOf(world, input.groupId)).toEqual(doneGroup(outcome));
  });

  it('tells of a running saga what it was started with, and nothing of others', async () => {
    const input = await holdOf('described');
    const { gateway } = world.sagas;
    await gateway.start('transfer', input, WAIT_MS);
    const saga = await gateway.describe?.(input.groupId);
    expect(saga).toMatchObject({ type: 'transfer', input });
    expect(saga?.startedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(await gateway.describe?.('transfer:shop:never')).toBeNull();
    await world.sagas.client.workflow.getHandle(input.groupId).signal('cancel');
    await world.sagas.client.workflow.getHandle(input.groupId).result();
    expect(await gateway.describe?.(input.groupId)).toBeNull();
  });

  it('gives a key that a wrong shape used back to a right one', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const legs = (amount: string) => [leg(from, 'DEBIT', amount), leg(to, 'CREDIT', amount)];
    const { gateway } = world.sagas;
    const shapeless = transferInput('shape', legs('1.005'));
    const wrong = await gateway.start('transfer', shapeless, WAIT_MS);
    expect(wrong).toMatchObject({ refusal: { code: 'INVALID_AMOUNT' }, frozen: false });
    // The outcome is told before the workflow has closed; until then the key is still taken.
    await world.sagas.client.workflow.getHandle(shapeless.groupId).result();
    const right = await gateway.start('transfer', transferInput('shape', legs('1.5')), WAIT_MS);
    expect(doneGroup(right).status).toBe('SETTLED');
  });

  it('links to the UI where there is one', async () => {
    expect(world.sagas.gateway.uiLink('transfer:shop:a b')).toBeNull();
    const options = { ...world.options, temporalUi: 'http://ui:8080/' };
    const sagas = await startSagas(options);
    const link = sagas.gateway.uiLink('transfer:shop:a b/1');
    await sagas.stop();
    const namespace = world.options.namespace;
    expect(link).toBe(
      `http://ui:8080/namespaces/${namespace}/workflows/transfer%3Ashop%3Aa%20b%2F1`,
    );
  });
});

describe('the gateway of a process without a worker', () => {
  it('answers pending while nobody works, then first answers as first', async () => {
    await world.sagas.stop();
    const { client, close } = await connectTemporal(world.options);
    const { db, log } = world.options;
    const outcomes = createOutcomes();
    const headStarts = createHeadStarts();
    const { publish } = outcomes;
    const steps = createLedgerActivities({ db, publish, takeBegun: headStarts.take });
    const gateway = createGateway({
      client,
      db,
      outcomes,
      headStarts,
      startsAhead: createStartsAhead({}, publish),
      steps,
      log,
      temporalUi: null,
    });
    const waiting = await holdOf('nobody works');
    expect(await gateway.start('transfer', waiting, 100)).toEqual({ outcome: 'pending' });

    const child = await childWorker(world);
    expect(await gateway.start('transfer', waiting, WAIT_MS)).toMatchObject({ outcome: 'done' });
    const input = await holdOf('elsewhere');
    const held = await gateway.start('transfer', input, WAIT_MS);
    expect(held).toMatchObject({ outcome: 'done', replayed: false });
    const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
    const [one, other] = await Promise.all([
      gateway.act('settle', settle, WAIT_MS),
      gateway.act('settle', settle, WAIT_MS),
    ]);
    expect(doneGroup(one)).toEqual(doneGroup(other));
    expect([one, other].map((each) => 'replayed' in each && each.replayed).sort()).toEqual([
      false,
      true,
    ]);
    await close();
    child.kill();
    await child.died;
    await world.restart();
  });
});

// Each has a server of its own to start.
describe.concurrent('a Temporal server that does not answer', () => {
  it('is told as unavailable, with when to ask again, and moves nothing', async () => {
    const logFile = join(mkdtempSync(join(tmpdir(), 'holdfast-')), 'temporal.log');
    const server = await startTemporal({ dbFile: null, logFile, uiPort: null, say: () => {} });
    const options = { ...world.options, address: server.address, namespace: 'default' };
    const sagas = await startSagas(options);
    const open = await holdOf('opened before');
    doneGroup(await sagas.gateway.start('transfer', open, WAIT_MS));
    expect(await sagas.gateway.ready()).toBe(true);
    await server.stop();
    expect(await sagas.gateway.ready()).toBe(false);
    const input = await holdOf('while it is away');
    expect(await sagas.gateway.start('transfer', input, 1_000)).toMatchObject({
      outcome: 'unavailable',
      code: 'UNAVAILABLE',
      retryAfterSeconds: 2,
    });
    const settle = actInput<'settle'>('settle', open.groupId, '1', { legs: null, final: true });
    const act = await sagas.gateway.act('settle', settle, 1_000);
    expect(['unavailable', 'pending']).toContain(act.outcome);
    expect((await groupOf(world, open.groupId)).status).toBe('IN_PROGRESS');
    await sagas.stop().catch(() => {});
  });
  it('is told so too where it goes away while a saga is to be started again', async () => {
    const logFile = join(mkdtempSync(join(tmpdir(), 'holdfast-')), 'temporal.log');
    const server = await startTemporal({ dbFile: null, logFile, uiPort: null, say: () => {} });
    const { db } = world.options;
    const query = async (...args: Parameters<Db['query']>) => {
      const [asked] = args as unknown as [string | { name?: string }];
      if (typeof asked !== 'string' && asked.name === 'read_open_group') await server.stop();
      return db.query(...args);
    };
    const address = { address: server.address, namespace: 'default' };
    const going = { ...db, query: query as Db['query'] };
    const sagas = await startSagas({ ...world.options, ...address, db: going });
    const open = await holdOf('without a saga');
    doneGroup(await sagas.gateway.start('transfer', open, WAIT_MS));
    await sagas.client.workflow.getHandle(open.groupId).terminate('test');
    const settle = actInput<'settle'>('settle', open.groupId, '1', { legs: null, final: true });
    expect(await sagas.gateway.act('settle', settle, WAIT_MS)).toMatchObject({
      outcome: 'unavailable',
      code: 'UNAVAILABLE',
    });
    await sagas.stop().catch(() => {});
  });

  it('is no reason to call a saga refused that it has', async () => {
    const logFile = join(mkdtempSync(join(tmpdir(), 'holdfast-')), 'temporal.log');
    const server = await startTemporal({ dbFile: null, logFile, uiPort: null, say: () => {} });
    const address = { address: server.address, namespace: 'default' };
    const { gateway, stop } = await startSagas({ ...world.options, ...address, work: false });
    const input = await holdOf('begun before it went away');
    expect(await gateway.start('transfer', input, 100)).toEqual({ outcome: 'pending' });
    const again = gateway.start('transfer', input, 2_000);
    await sleep(1_000);
    await server.stop();
    expect(await again).toEqual({ outcome: 'pending' });
    await stop().catch(() => {});
  });
});

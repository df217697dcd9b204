import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createLog } from '../../src/observability/log.ts';
import { encryptingConverter, readCodecKeys } from '../../src/temporal/codec.ts';
import { ensureCurrent } from '../../src/temporal/deployment.ts';
import { startSagas } from '../../src/temporal/sagas.ts';
import { actInput, holdInput } from './inputs.ts';
import { createWorld, doneGroup, WAIT_MS, type World, wallet } from './world.ts';

const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const [oldKey, newKey] = [key('2025'), key('2026')];
const converter = (keys: string) => ({ dataConverter: encryptingConverter(readCodecKeys(keys)!) });

let world: World;
beforeAll(async () => {
  world = await createWorld({ buildId: 'build-1', ...converter(oldKey) });
});

async function held(key: string, gateway = world.sagas.gateway): Promise<string> {
  const input = holdInput(key, await wallet(world, '10'), await wallet(world, '0'), '10');
  doneGroup(await gateway.start('transfer', input, WAIT_MS));
  return input.groupId;
}

const settleOf = (id: string) => actInput<'settle'>('settle', id, '1', { legs: null, final: true });

/** Builds that completed the tasks of a saga, in order. */
async function buildsOf(id: string): Promise<string[]> {
  const handle = world.sagas.client.workflow.getHandle(id);
  await handle.result();
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap((event) => {
    const version = event.workflowTaskCompletedEventAttributes?.deploymentVersion;
    return version?.buildId ? [version.buildId] : [];
  });
}

async function currentBuild() {
  const { workflowService, options } = world.sagas.client;
  const deployment = { namespace: options.namespace, deploymentName: 'holdfast' };
  const { workerDeploymentInfo } = await workflowService.describeWorkerDeployment(deployment);
  return workerDeploymentInfo?.routingConfig?.currentDeploymentVersion?.buildId;
}

describe('two builds side by side', () => {
  it('keep each saga on the build that began it', async () => {
    const old = await held('begun on build 1');
    const second = await startSagas({ ...world.options, buildId: 'build-2' });
    try {
      const young = await held('begun on build 2', second.gateway);
      for (const id of [old, young]) {
        doneGroup(await second.gateway.act('settle', settleOf(id), WAIT_MS));
      }
      expect(await buildsOf(old)).toEqual(['build-1', 'build-1']);
      expect(await buildsOf(young)).toEqual(['build-2', 'build-2']);
    } finally {
      await second.stop();
    }
  });

  it('leave the younger one current when a process of the older one starts again', async () => {
    expect(await currentBuild()).toBe('build-2');
    await world.restart();
    expect(await currentBuild()).toBe('build-2');
    // A third one is younger than both, whoever else runs.
    const third = await startSagas({ ...world.options, buildId: 'build-0' });
    await third.stop();
    expect(await currentBuild()).toBe('build-0');
    // Whom somebody made current by hand stays so.
    const { workflowService, options } = world.sagas.client;
    const { namespace, identity } = options;
    const move = { namespace, identity, deploymentName: 'holdfast', buildId: 'build-2' };
    await workflowService.setWorkerDeploymentCurrentVersion(move);
    await ensureCurrent(world.sagas.client, world.options.log, 'build-0');
    expect(await currentBuild()).toBe('build-2');
    await workflowService.setWorkerDeploymentCurrentVersion({ ...move, buildId: 'build-0' });
  });
});

describe('a process that names no build', () => {
  /** What it warns of at its start. */
  async function alertsOf(): Promise<unknown[]> {
    const lines: string[] = [];
    const log = createLog('warn', { write: (line: string) => lines.push(line) });
    const { buildId: _, ...options } = world.options;
    const sagas = await startSagas({ ...options, log });
    await sagas.stop();
    return lines.map((line) => JSON.parse(line)).flatMap(({ alert }) => alert ?? []);
  }

  it('says that new sagas begin elsewhere, until they do so no more', async () => {
    expect(await alertsOf()).toEqual(['NO_BUILD']);
    const { workflowService, options } = world.sagas.client;
    const { namespace, identity } = options;
    const move = { namespace, identity, deploymentName: 'holdfast', ignoreMissingTaskQueues: true };
    const current = await currentBuild();
    await workflowService.setWorkerDeploymentCurrentVersion({ ...move, buildId: '' });
    expect(await alertsOf()).toEqual([]);
    await workflowService.setWorkerDeploymentCurrentVersion({ ...move, buildId: current ?? '' });
  });
});

describe('with payload encryption', () => {
  it('Temporal stores nothing readable, and a rotation of keys loses nothing', async () => {
    const options = { ...world.options, buildId: 'build-3' };
    const before = await startSagas(options);
    const id = await held('encrypted', before.gateway);
    await before.stop();
    const after = await startSagas({ ...options, ...converter(`${newKey},${oldKey}`) });
    try {
      const settled = await after.gateway.act('settle', settleOf(id), WAIT_MS);
      expect(doneGroup(settled).status).toBe('SETTLED');
      const handle = after.client.workflow.getHandle(id);
      expect(await handle.result()).toMatchObject({ status: 'SETTLED' });
      expect(await (await handle.describe()).staticSummary()).toMatch(/^Hold 10: /);
      const { events } = await handle.fetchHistory();
      const started = events?.[0]?.workflowExecutionStartedEventAttributes;
      const [input] = started?.input?.payloads ?? [];
      expect(Buffer.from(input?.metadata?.encoding ?? []).toString()).toBe('binary/encrypted');
      const stored = [...JSON.stringify(events).matchAll(/"data":"([^"]+)"/g)];
      expect(stored.length).toBeGreaterThan(5);
      const readable = stored.filter(([, data]) =>
        Buffer.from(data!, 'base64').includes('"wallet"'),
      );
      expect(readable).toEqual([]);
    } finally {
      await after.stop();
    }
  });
});

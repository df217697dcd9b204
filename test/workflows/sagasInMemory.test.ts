import { Worker } from '@temporalio/worker';
import { WorkerThreadClient } from '@temporalio/worker/lib/workflow/threaded-vm.js';
import { expect, it, vi } from 'vitest';
import { readConfig } from '../../src/config.ts';
import type { ThreadInput } from '../../src/temporal/sagaThreadMessages.ts';
import { actInput, holdInput } from './inputs.ts';
import { createWorld, doneGroup, eventually, WAIT_MS, wallet } from './world.ts';

/** Fewer than the setting allows, so that few groups are more than that. */
const IN_MEMORY = 3;
const GROUPS = 8;

it('keeps so many sagas in memory and no more, and acts on the others all the same', async () => {
  const create = vi.spyOn(Worker, 'create');
  const send = vi.spyOn(WorkerThreadClient.prototype, 'send');
  const world = await createWorld({ sagasInMemory: IN_MEMORY });
  const worker = await create.mock.results[0]?.value;
  const wallets = [await wallet(world, '100'), await wallet(world, '0')] as const;
  const ids: string[] = [];
  for (let made = 0; made < GROUPS; made += 1) {
    const input = holdInput(`waits ${made}`, ...wallets, '1');
    doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
    ids.push(input.groupId);
  }
  const cached = async () => worker.getStatus().numCachedWorkflows as number;
  expect(await eventually(cached, (count) => count === IN_MEMORY)).toBe(IN_MEMORY);
  // The thread of their code has forgotten the others too, so it cannot forget them again.
  const forgotten = () =>
    (send.mock.calls as unknown as [ThreadInput][]).flatMap(([input]) =>
      input.type === 'dispose' ? [input] : [],
    );
  const count = async () => forgotten().length;
  const beyond = GROUPS - IN_MEMORY;
  expect(await eventually(count, (so) => so >= beyond)).toBeGreaterThanOrEqual(beyond);
  const [thread] = send.mock.contexts;
  for (const input of forgotten()) {
    const again = send.call(thread, input as never);
    await expect(again).rejects.toThrow(`No workflow of run ${input.runId} is in this thread.`);
  }
  for (const id of ids) {
    const settle = actInput<'settle'>('settle', id, '1', { legs: null, final: true });
    const outcome = await world.sagas.gateway.act('settle', settle, WAIT_MS);
    expect(doneGroup(outcome).status).toBe('SETTLED');
  }
});

it('refuses a number below what is worked on at once', () => {
  const env = { DATABASE_URL: 'postgres://x', TEMPORAL_ADDRESS: 'x', HOLDFAST_ADMIN_KEY: 'x' };
  expect(readConfig(env).sagasInMemory).toBe(2_000);
  expect(readConfig({ ...env, SAGAS_IN_MEMORY: '500' }).sagasInMemory).toBe(500);
  const low = () => readConfig({ ...env, SAGAS_IN_MEMORY: '199' });
  expect(low).toThrow('SAGAS_IN_MEMORY must be a whole number from 200 to 1000000, not "199"');
});

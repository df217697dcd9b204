import { Runtime } from '@temporalio/worker';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { SAGA_TASK_QUEUE } from '../../src/contracts/sagas.ts';
import { createLog, type Log } from '../../src/observability/log.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { leg, transferInput } from './inputs.ts';
import { createWorld, doneGroup, eventually, WAIT_MS, type World, wallet } from './world.ts';

/** What the SDK logs in this file: the runtime is one a process, the first who installs it wins. */
const lines: { message: string; workflowId?: string }[] = [];
const log = new Proxy(createLog('trace'), {
  get: (real, name) =>
    ['trace', 'debug', 'info', 'warn', 'error'].includes(String(name))
      ? (found: { temporal?: { workflowId?: string } }, message: string) =>
          lines.push({ message, workflowId: found.temporal?.workflowId })
      : Reflect.get(real, name),
}) as Log;

beforeAll(async () => {
  // Another file of this process may have installed one, with its own log.
  await Runtime._instance?.shutdown();
  installRuntime(log);
});

function begin(): Promise<World> {
  return createWorld({}, onTestFinished);
}

/** An immediate transfer of that key; answers with its id. */
async function transfer(world: World, key: string): Promise<string> {
  const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
  const input = transferInput(key, [leg(from, 'DEBIT', '1'), leg(to, 'CREDIT', '1')]);
  return doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS)).id;
}

it('what a workflow logs comes out of its thread, with whose it is', async () => {
  const world = await begin();
  const workflowId = await transfer(world, 'logs');
  await world.sagas.client.workflow.getHandle(workflowId).result();
  const words = () => lines.filter((line) => line.workflowId === workflowId);
  const told = await eventually(
    async () => words().map(({ message }) => message),
    (messages) => messages.includes('Workflow completed'),
  );
  expect(told).toContain('Workflow started');
});

it('a workflow that cannot be made fails its own task in words, and others go on', async () => {
  const world = await begin();
  const { client } = world.sagas;
  const options = { workflowId: 'nobody', taskQueue: SAGA_TASK_QUEUE };
  const handle = await client.workflow.start('noSuchWorkflow', options);
  const failure = await eventually(
    async () => {
      const { events } = await handle.fetchHistory();
      const failed = events?.find((event) => event.workflowTaskFailedEventAttributes);
      return failed?.workflowTaskFailedEventAttributes?.failure?.message ?? '';
    },
    (message) => message !== '',
  );
  expect(failure).toContain("Failed to initialize workflow of type 'noSuchWorkflow'");
  await transfer(world, 'beside it');
  await handle.terminate();
  await transfer(world, 'after it');
});

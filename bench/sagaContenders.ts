/** Who runs in `bench/saga.ts`. */
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, type NativeConnection } from '@temporalio/worker';
import { groupId, stepKey } from '../src/contracts/ids.ts';
import { SAGA_TASK_QUEUE, type SagaGateway } from '../src/contracts/sagas.ts';
import type { OpenTransferInput } from '../src/contracts/steps.ts';
import type { Db } from '../src/db/pool.ts';
import { createLog } from '../src/observability/log.ts';
import { createStartsAhead } from '../src/temporal/aheadOfStart.ts';
import { bundleWorkflows } from '../src/temporal/bundle.ts';
import { connectTemporal } from '../src/temporal/client.ts';
import type { SagaDeps } from '../src/temporal/deps.ts';
import { createGateway } from '../src/temporal/gateway.ts';
import { createHeadStarts } from '../src/temporal/headStart.ts';
import { createOutcomes } from '../src/temporal/outcomes.ts';
import { startWorker } from '../src/temporal/worker.ts';
import { createEmptySteps } from './emptySteps.ts';

/** Runs the saga of a name; each call ends when a caller would have its answer. */
export interface Contender {
  name: string;
  hold(name: string): Promise<void>;
  settle(name: string): Promise<void>;
  transfer(name: string): Promise<void>;
  stop(): Promise<void>;
}

const CLIENT = 'bench';
const ACTOR = { name: CLIENT, admin: false };
/** A saga that takes longer is counted as broken, in milliseconds. */
const WAIT_MS = 30_000;

/** Our sagas behind a gateway, on pairs of wallets that take turns. */
export function gatewaySagas(
  name: string,
  gateway: SagaGateway,
  pairs: [string, string][],
  stop: () => Promise<void>,
): Contender {
  let turn = 0;
  const open = async (key: string, settle: 'immediate' | 'manual') => {
    turn += 1;
    const [from, to] = pairs[turn % pairs.length] ?? ['', ''];
    const input: OpenTransferInput = {
      groupId: groupId('transfer', CLIENT, key),
      stepKey: stepKey('create', CLIENT, key),
      actor: ACTOR,
      client: CLIENT,
      legs: [
        { wallet: from, type: 'DEBIT', amount: '0.01' },
        { wallet: to, type: 'CREDIT', amount: '0.01' },
      ],
      settle,
      expiresIn: settle === 'manual' ? 86_400 : null,
      reference: null,
      metadata: {},
      acceptBy: null,
    };
    // As the API does, which knows the wallets.
    insist(await gateway.start('transfer', input, WAIT_MS, ['BENCH']));
  };
  return {
    name,
    stop,
    hold: (key) => open(key, 'manual'),
    transfer: (key) => open(key, 'immediate'),
    async settle(key) {
      const step = {
        groupId: groupId('transfer', CLIENT, key),
        stepKey: stepKey('settle', CLIENT, key),
        actor: ACTOR,
      };
      insist(await gateway.act('settle', { ...step, legs: null, final: true }, WAIT_MS));
    },
  };
}

function insist(answer: { outcome: string }): void {
  if (answer.outcome !== 'done') throw new Error(`A saga went wrong: ${JSON.stringify(answer)}`);
}

/**
 * The same workflows, gateway and waiting with steps that do nothing, in a namespace of its own.
 */
export async function emptySagas(
  name: string,
  address: string,
  namespace: string,
  pairs: [string, string][],
): Promise<Contender> {
  const log = createLog('error');
  const temporal = await connectTemporal({ address, namespace, identity: 'bench', log });
  const { client, connection } = temporal;
  const outcomes = createOutcomes();
  const headStarts = createHeadStarts();
  const steps = createEmptySteps(outcomes, headStarts) as unknown as SagaDeps['steps'];
  const worker = await startWorker({
    connection,
    namespace,
    identity: 'bench',
    taskQueue: SAGA_TASK_QUEUE,
    activities: steps,
    bundle: await bundleWorkflows(),
    begin: headStarts.begin,
  });
  const db: Db = { query: () => Promise.reject(new Error('An empty saga asks no database.')) };
  const startsAhead = createStartsAhead({}, outcomes.publish);
  const told = { outcomes, headStarts, startsAhead, steps };
  const gateway = createGateway({ client, db, log, temporalUi: null, ...told });
  return gatewaySagas(name, gateway, pairs, async () => {
    await worker.stop();
    await temporal.close();
  });
}

/** The least: bare workflows on a task queue of their own, the same way of waiting. */
export async function bareSagas(client: Client): Promise<Contender> {
  const taskQueue = 'bare';
  const waiting = new Map<string, () => void>();
  const told = (name: string) => new Promise<void>((resolve) => waiting.set(name, resolve));
  const tell = async (name: string) => {
    waiting.get(name)?.();
    waiting.delete(name);
    return name;
  };
  const workflowsPath = fileURLToPath(new URL('bareSaga.ts', import.meta.url));
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  const worker = await startWorker({
    connection: client.connection as NativeConnection,
    namespace: client.options.namespace,
    identity: 'bench',
    taskQueue,
    activities: { begin: tell, end: tell },
    bundle: { code, id: 'bare' },
  });
  const start = async (type: string, name: string) => {
    const begun = told(name);
    const options = { workflowId: name, taskQueue, args: [name], requestEagerStart: true };
    await client.workflow.start(type, options);
    await begun;
  };
  return {
    name: 'bare',
    stop: () => worker.stop(),
    hold: (name) => start('bareSaga', name),
    transfer: (name) => start('bareTransfer', name),
    async settle(name) {
      const ended = told(name);
      // As our gateway does: the activity tells first, Temporal's record of it is not awaited.
      client.workflow
        .getHandle(name)
        .executeUpdate('settle')
        .catch(() => {});
      await ended;
    },
  };
}

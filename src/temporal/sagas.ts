/** The sagas of one process: connection, workers, gateway, sweeper. */
import type { Client } from '@temporalio/client';
import type { DataConverter } from '@temporalio/common';
import { createActivities } from '../../activities/createActivities.ts';
import { createLedgerActivities } from '../../activities/ledgerActivities.ts';
import type { PolicyDeps } from '../../activities/policyActivities.ts';
import { CHAIN_TASK_QUEUE, SAGA_TASK_QUEUE, type SagaGateway } from '../contracts/sagas.ts';
import type { StepDb } from '../ledger/stepQueue.ts';
import type { Log } from '../observability/log.ts';
import { createStartsAhead } from './aheadOfStart.ts';
import { bundleWorkflows } from './bundle.ts';
import { connectTemporal, type Temporal } from './client.ts';
import { makeCurrent, pinnedTo, warnWithoutBuild } from './deployment.ts';
import { createGateway } from './gateway.ts';
import { createHeadStarts, type HeadStarts } from './headStart.ts';
import { createOutcomes } from './outcomes.ts';
import { createPayoutWithdrawals } from './payoutWithdrawals.ts';
import { installRuntime } from './runtime.ts';
import { createSweep } from './sweep.ts';
import { keepNamespace } from './upkeep.ts';
import { type RunningWorker, startWorker } from './worker.ts';

export interface SagasOptions {
  db: StepDb;
  log: Log;
  address: string;
  namespace: string;
  identity: string;
  /** Base URL of the Temporal UI for links, or null. */
  temporalUi: string | null;
  /** Registered with the sagas, as local activities, and on the chain's own task queue. */
  chainActivities?: object;
  /** Where withdrawals are checked for risk; left out: this process does not know. */
  risk?: PolicyDeps['risk'];
  /** False for a process that starts sagas and runs none: the outcome comes from the op row. */
  work?: boolean;
  /** Most sagas that the worker keeps in memory; left out: as many as the SDK thinks right. */
  sagasInMemory?: number;
  /** False where the server has no schedules (the time-skipping one). */
  sweeper?: boolean;
  /** How often it is looked whether the sweeper's schedule is there, in milliseconds. */
  upkeepMs?: number;
  dataConverter?: DataConverter;
  /** Pins sagas to this build and makes it the current one; left out: no worker versioning. */
  buildId?: string;
}

export interface Sagas {
  gateway: SagaGateway;
  client: Client;
  /** Rejects when a worker of this process could not go on. */
  ended: Promise<void>;
  /** Lets what is under way finish; then closes the connection. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts the sagas of this process. The gateway and the worker share one connection, so that what
 * the gateway starts begins on this worker without a way through the task queue.
 *
 * @throws an Error that says how to go on when Temporal does not answer
 */
export async function startSagas(options: SagasOptions): Promise<Sagas> {
  const { db, log, chainActivities, risk = null } = options;
  installRuntime(log);
  const temporal = await connectTemporal(options);
  const { client } = temporal;
  const outcomes = createOutcomes();
  const sweep = createSweep({ client, db, log });
  const headStarts = createHeadStarts();
  const { publish } = outcomes;
  const takeBegun = headStarts.take;
  const withdrawals = createPayoutWithdrawals({ client, db, log });
  const own = { db, log, risk, publish, takeBegun, withdrawals };
  // What the gateway begins takes no answer of what was begun: it would be its own.
  const steps = createLedgerActivities({ db, publish, takeBegun: () => undefined });
  const workers: RunningWorker[] = [];
  let endUpkeep = async () => {};
  let stopping: Promise<void> | undefined;
  const stop = () => {
    // One that could not go on has said so by `ended`; the others finish what they have begun.
    const stopped = () =>
      Promise.allSettled([endUpkeep(), ...workers.map((worker) => worker.stop())]);
    stopping ??= stopped().then(() => temporal.close());
    return stopping;
  };
  try {
    if (options.work !== false) {
      const activities = { ...createActivities({ ...own, ...sweep }), ...chainActivities };
      workers.push(...(await startWorkers(temporal, options, activities, headStarts)));
    }
    if (options.sweeper !== false) {
      const { namespace, work, upkeepMs: everyMs } = options;
      const hasChain = chainActivities !== undefined;
      const buildId = work === false ? undefined : (options.buildId ?? null);
      const upkeep = { namespace, log, hasChain, buildId, everyMs };
      endUpkeep = await keepNamespace(temporal, upkeep);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const ended =
    workers.length === 0
      ? new Promise<void>(() => {})
      : Promise.all(workers.map((worker) => worker.ended)).then(() => {});
  ended.catch((error) => log.error({ err: error }, 'A Temporal worker of this process has ended'));
  const { temporalUi } = options;
  // Elsewhere another process takes the first step.
  const startsAhead = createStartsAhead(options.work === false ? {} : db, publish);
  const told = { outcomes, headStarts, startsAhead, steps };
  const gateway = createGateway({ client, db, log, temporalUi, ...told });
  return { gateway, client, ended, stop };
}

async function startWorkers(
  { client, connection }: Temporal,
  options: SagasOptions,
  activities: object,
  { begin }: HeadStarts,
): Promise<RunningWorker[]> {
  const { namespace, identity, dataConverter, chainActivities, buildId, sagasInMemory } = options;
  const deployment = buildId === undefined ? undefined : pinnedTo(buildId);
  const shared = { connection, namespace, identity, dataConverter, deployment };
  const bundle = await bundleWorkflows(dataConverter?.failureConverterPath);
  const workers = [
    await startWorker({
      ...shared,
      taskQueue: SAGA_TASK_QUEUE,
      activities,
      bundle,
      begin,
      sagasInMemory,
    }),
  ];
  if (chainActivities) {
    const chain = { ...shared, taskQueue: CHAIN_TASK_QUEUE, activities: chainActivities };
    workers.push(await startWorker(chain));
  }
  if (buildId === undefined) await warnWithoutBuild(client, options.log);
  else await makeCurrent(client, options.log, buildId);
  return workers;
}

import type { DataConverter } from '@temporalio/common';
import type { NativeConnection, WorkerDeploymentOptions } from '@temporalio/worker';
import type { WorkflowBundle } from './bundle.ts';
import type { BeginStep } from './headStart.ts';
import { heartbeats } from './heartbeats.ts';
import { sagaWorker } from './sagaWorker.ts';

export interface WorkerSettings {
  connection: NativeConnection;
  namespace: string;
  identity: string;
  taskQueue: string;
  activities: object;
  /** None: a worker for activities alone. */
  bundle?: WorkflowBundle;
  /** Is told which steps the tasks of sagas will take; left out: nobody waits in this process. */
  begin?: BeginStep;
  /**
   * Most sagas in memory: of more that wait, those are evicted for which nothing happened the
   * longest, and are replayed when something does; see docs/operators.md.
   */
  sagasInMemory?: number | undefined;
  dataConverter?: DataConverter;
  deployment?: WorkerDeploymentOptions;
}

export interface RunningWorker {
  /** Resolves when the worker has stopped; rejects when it could not go on. */
  ended: Promise<void>;
  /** Takes no new tasks, lets those under way finish within the grace time, then resolves. */
  stop(): Promise<void>;
}

/** More than a ledger step may take (its activity's 15 s), so that a stop cuts none off. */
const SHUTDOWN_GRACE_TIME = '20 seconds';
/**
 * An eager start needs a free slot of this process at once. A task holds its slot until Temporal
 * has recorded it, which under load is long after its caller was answered, so there are more of
 * them than callers. Too few, and a saga goes through the task queue, where the SDK's pollers wait
 * while eager starts take every slot that becomes free: it stood still until the load ended.
 */
const MAX_WORKFLOW_TASKS = 1_000;
const MAX_LOCAL_ACTIVITIES = 200;
/**
 * A saga's next task is offered to the process that has it in memory. If that one was killed, the
 * saga stands still for so long; if it is only busy, the saga is replayed then, here or there.
 */
const STICKY_TIMEOUT = '3 seconds';

/** Starts a worker and polls at once. */
export async function startWorker(settings: WorkerSettings): Promise<RunningWorker> {
  const { bundle, begin, deployment, sagasInMemory, ...rest } = settings;
  const worker = await sagaWorker(begin).create({
    ...rest,
    // Without workflows there are remote activities alone: the work with a node.
    ...(bundle
      ? { workflowBundle: { code: bundle.code } }
      : { interceptors: { activity: [heartbeats] } }),
    ...(deployment && { workerDeploymentOptions: deployment }),
    shutdownGraceTime: SHUTDOWN_GRACE_TIME,
    stickyQueueScheduleToStartTimeout: STICKY_TIMEOUT,
    maxConcurrentWorkflowTaskExecutions: MAX_WORKFLOW_TASKS,
    maxConcurrentLocalActivityExecutions: MAX_LOCAL_ACTIVITIES,
    ...(sagasInMemory !== undefined && { maxCachedWorkflows: sagasInMemory }),
  });
  const ended = worker.run();
  // Whoever cares awaits it; nobody doing so must not take the process down.
  ended.catch(() => {});
  return {
    ended,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
    },
  };
}

/** The SDK's worker, without the thread that it starts for each call into a workflow. */
import { type Logger, Worker } from '@temporalio/worker';
import type { Workflow, WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import { startSagaThread } from './sagaThread.ts';

/** No task of a saga computes for a second: it waits for a ledger step or ends. */
const STUCK_MS = 10_000;

/**
 * The SDK lets Node interrupt workflow code that runs for five seconds. Node starts a thread for
 * that at every call, ten or more a task: some 140 µs of processor time where the call itself takes
 * two, and a fifth of what a saga costs its worker (`npm run bench saga`). Our sagas are our own
 * code, so they are not interrupted; one that never came to an end would be told by an alert.
 */
export class SagaWorker extends Worker {
  protected static override async createWorkflowCreator(
    ...[bundle, { activities }, logger]: Parameters<typeof Worker.createWorkflowCreator>
  ): Promise<WorkflowCreator> {
    const thread = await startSagaThread(bundle, new Set(activities.keys()), logger);
    return alertWhenStuck(thread, logger);
  }
}

/** Tells of a workflow whose code keeps its thread: nobody else on that thread goes on then. */
export function alertWhenStuck(
  creator: WorkflowCreator,
  logger: Pick<Logger, 'error'>,
  stuckMs = STUCK_MS,
): WorkflowCreator {
  const watched = (workflow: Workflow, workflowId: string): Workflow => ({
    async activate(activation) {
      const timer = setTimeout(() => {
        logger.error(
          `The code of workflow ${workflowId} has run for ${stuckMs} ms and does not end. ` +
            'Sagas on its thread stand still: stop this process and run a version that ends.',
          { workflowId, alert: 'SAGA_STUCK' },
        );
      }, stuckMs);
      try {
        return await workflow.activate(activation);
      } finally {
        clearTimeout(timer);
      }
    },
    getAndResetSinkCalls: () => workflow.getAndResetSinkCalls(),
    dispose: () => workflow.dispose(),
  });
  return {
    createWorkflow: async (options) =>
      watched(await creator.createWorkflow(options), options.info.workflowId),
    destroy: () => creator.destroy(),
  };
}

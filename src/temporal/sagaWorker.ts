/** The SDK's worker with a thread of our own for the workflows. */
import { type Logger, Worker } from '@temporalio/worker';
import type { Workflow, WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import type { BeginStep } from './headStart.ts';
import { readableSignals } from './readableSignals.ts';
import { mute } from './runtime.ts';
import { startSagaThread } from './sagaThread.ts';
import { beginSteps } from './stepsOfTasks.ts';

/** No task of a saga computes for a second: it waits for a ledger step or ends. */
const STUCK_MS = 10_000;

/**
 * Workflow code runs in `sagaThread.ts`. It is not interrupted: the SDK lets Node do that after
 * five seconds, and Node starts a thread for it at every call, ten or more a task, some 140 µs of
 * processor time where the call itself takes two. Our sagas are our own code; one that never came
 * to an end is told by an alert. What the SDK could do instead stands in docs/upstream.
 */
export function sagaWorker(begin: BeginStep = () => {}) {
  return class SagaWorker extends Worker {
    protected static override async createWorkflowCreator(
      ...[bundle, { activities }, logger]: Parameters<typeof Worker.createWorkflowCreator>
    ): Promise<WorkflowCreator> {
      // The worker's own from here on.
      mute(logger);
      const thread = await startSagaThread(bundle, new Set(activities.keys()), logger);
      const guarded = readableSignals(alertWhenStuck(thread, logger), logger);
      return beginSteps(guarded, begin);
    }
  };
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

/** Signals whose input nobody can read, as in an encoding that the Temporal UI lets one choose. */
import { defaultPayloadConverter } from '@temporalio/common';
import type { Logger } from '@temporalio/worker';
import type { Workflow, WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';

type Activation = Parameters<Workflow['activate']>[0];
type Payloads = Parameters<typeof defaultPayloadConverter.fromPayload>[0][];

/**
 * Takes the input off a signal that cannot be read: it then says nothing, as a button without a
 * reason. The SDK reads it in the saga's task, which would fail for ever, and with it the saga. It
 * is the same whenever the history is read again, since it follows from the input alone.
 */
export function readableSignals(
  creator: WorkflowCreator,
  logger: Pick<Logger, 'warn'>,
): WorkflowCreator {
  const guarded = (workflow: Workflow, workflowId: string): Workflow => ({
    activate(activation: Activation) {
      for (const { signalWorkflow: signal } of activation.jobs ?? []) {
        if (!signal || isReadable((signal.input ?? []) as Payloads)) continue;
        signal.input = [];
        if (activation.isReplaying) continue;
        const { signalName } = signal;
        logger.warn('The input of a signal cannot be read; it is taken as one that says nothing', {
          workflowId,
          signalName,
        });
      }
      return workflow.activate(activation);
    },
    getAndResetSinkCalls: () => workflow.getAndResetSinkCalls(),
    dispose: () => workflow.dispose(),
  });
  return {
    createWorkflow: async (options) =>
      guarded(await creator.createWorkflow(options), options.info.workflowId),
    destroy: () => creator.destroy(),
  };
}

function isReadable(payloads: Payloads): boolean {
  try {
    for (const payload of payloads) defaultPayloadConverter.fromPayload(payload);
    return true;
  } catch {
    return false;
  }
}

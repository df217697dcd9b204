/** Reads out of a task, before the thread of the workflows has it, which step it will take. */
import type proto from '@temporalio/proto';
import type { Workflow, WorkflowCreator } from '@temporalio/worker/lib/workflow/interface.js';
import { FIRST_STEP, STEP_OF_UPDATE } from '../contracts/sagas.ts';
import type { BeginStep } from './headStart.ts';

type Activation = Parameters<Workflow['activate']>[0];
type Job = proto.coresdk.workflow_activation.IWorkflowActivationJob;

const STEP_OF_SAGA = new Map<string, string>(Object.entries(FIRST_STEP));
const STEP_OF = new Map<string, string>(Object.entries(STEP_OF_UPDATE));

/**
 * Tells `begin` of the steps of each task of a saga that a client's request opens; whatever comes
 * out of the workflow is the same.
 */
export function beginSteps(creator: WorkflowCreator, begin: BeginStep): WorkflowCreator {
  const watched = (workflow: Workflow, groupId: string): Workflow => {
    // The first step has answered. Acts that came before wait for it: without it the ledger would
    // answer them something else.
    let opened = false;
    return {
      activate(activation: Activation) {
        const jobs = activation.jobs ?? [];
        opened ||= jobs.some((job) => job.resolveActivity?.result?.completed);
        if (!activation.isReplaying) {
          for (const job of jobs) {
            const { step, argument } = stepOf(job, opened);
            if (step !== undefined && argument) begin(step, groupId, argument);
          }
        }
        return workflow.activate(activation);
      },
      getAndResetSinkCalls: () => workflow.getAndResetSinkCalls(),
      dispose: () => workflow.dispose(),
    };
  };
  return {
    async createWorkflow(options) {
      const { workflowId, workflowType } = options.info;
      const workflow = await creator.createWorkflow(options);
      return STEP_OF_SAGA.has(workflowType) ? watched(workflow, workflowId) : workflow;
    },
    destroy: () => creator.destroy(),
  };
}

function stepOf({ initializeWorkflow, doUpdate }: Job, opened: boolean) {
  if (initializeWorkflow) {
    const step = STEP_OF_SAGA.get(initializeWorkflow.workflowType ?? '');
    return { step, argument: initializeWorkflow.arguments?.[0]?.data };
  }
  const step = doUpdate && opened ? STEP_OF.get(doUpdate.name ?? '') : undefined;
  return { step, argument: doUpdate?.input?.[0]?.data };
}

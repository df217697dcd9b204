/** Runs in the thread of the workflows: the SDK's sandbox, with one message an activation. */
import { parentPort } from 'node:worker_threads';
import proto from '@temporalio/proto';
import type { Workflow } from '@temporalio/worker/lib/workflow/interface.js';
import { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';
import {
  type EnterWorkflow,
  linkAggregates,
  type PromiseStackStore,
  trackPromises,
} from './promiseStacks.ts';
import {
  type Activated,
  bytesOf,
  type ThreadInput,
  type ThreadReply,
  type ThreadRequest,
} from './sagaThreadMessages.ts';

const { WorkflowActivation } = proto.coresdk.workflow_activation;
const { WorkflowActivationCompletion } = proto.coresdk.workflow_completion;
/** Queries that read the stacks of promises. */
const STACK_QUERIES = ['__stack_trace', '__enhanced_stack_trace'];
/** The sink of the SDK's that takes what workflows log. */
const LOGGER = '__temporal_logger';
/** No time: `vm` watches nothing where it is given none, see `sagaWorker.ts`. */
const UNWATCHED = undefined as unknown as number;

/** Protected in the SDK. */
interface Traced {
  activator: { promiseStackStore: PromiseStackStore };
}

let creator: ReusableVMWorkflowCreator | undefined;
let enter: EnterWorkflow = () => {};
let muted: readonly string[] = [];

async function handle(input: ThreadInput): Promise<Activated | undefined> {
  switch (input.type) {
    case 'begin': {
      enter = trackPromises();
      muted = input.muted;
      const { bundle, activityNames } = input;
      creator = await ReusableVMWorkflowCreator.create(bundle, UNWATCHED, activityNames);
      return undefined;
    }
    case 'activate':
      enter(null);
      if (input.create) await creator?.createWorkflow(input.create);
      return activate(workflowOf(input.runId), input);
    case 'dispose':
      enter(null);
      await workflowOf(input.runId).dispose();
      return undefined;
    case 'destroy':
      await creator?.destroy();
      return undefined;
  }
}

function workflowOf(runId: string) {
  const workflow = ReusableVMWorkflowCreator.workflowByRunId.get(runId);
  if (!workflow) throw new Error(`No workflow of run ${runId} is in this thread.`);
  return workflow;
}

async function activate(
  workflow: ReturnType<typeof workflowOf>,
  input: Extract<ThreadInput, { type: 'activate' }>,
): Promise<Activated> {
  const activation = WorkflowActivation.decode(input.activation);
  const asked = activation.jobs.map((job) => job.queryWorkflow?.queryType ?? '');
  const { promiseStackStore } = (workflow as unknown as Traced).activator;
  if (asked.some((query) => STACK_QUERIES.includes(query))) linkAggregates(promiseStackStore);
  // All of a workflow's code runs before `activate` waits for the first time.
  enter(promiseStackStore);
  const completion = WorkflowActivationCompletion.encode(await workflow.activate(activation));
  return { completion: bytesOf(completion), sinkCalls: await sinkCallsOf(workflow) };
}

/**
 * Without the functions in them, which no message can carry, and without lines of the log that
 * nobody reads: each has a copy of all that is known of the workflow.
 */
async function sinkCallsOf(workflow: Workflow): Promise<Activated['sinkCalls']> {
  const calls = await workflow.getAndResetSinkCalls();
  const heard = calls.filter((call) => call.ifaceName !== LOGGER || !muted.includes(call.fnName));
  return heard.map((call) => {
    const { now: _, random: __, ...unsafe } = call.workflowInfo.unsafe;
    return { ...call, workflowInfo: { ...call.workflowInfo, unsafe } } as typeof call;
  });
}

const port = parentPort;
if (port === null) throw new Error('This file is the beginning of a thread.');
port.on('message', async ({ requestId, input }: ThreadRequest) => {
  const reply = (result: ThreadReply['result']) => port.postMessage({ requestId, result });
  try {
    reply({ type: 'ok', output: await handle(input) });
  } catch (error) {
    const { name, message, stack = '' } = error as Error;
    reply({ type: 'error', name, message, stack });
  }
});

/**
 * The thread that runs workflow code. The SDK asks its own three times where once is enough: to
 * create the workflow, to activate it, and for what it logged; and it sends objects, whose copying
 * costs five times as much as writing them as bytes and reading them.
 */
import { Worker as NodeWorker } from 'node:worker_threads';
import proto from '@temporalio/proto';
import type { Logger } from '@temporalio/worker';
import type {
  WorkflowCreateOptions,
  WorkflowCreator,
} from '@temporalio/worker/lib/workflow/interface.js';
import { WorkerThreadClient } from '@temporalio/worker/lib/workflow/threaded-vm.js';
import type { SinkCall } from '@temporalio/workflow';
import { mutedLevels } from './runtime.ts';
import { type Activated, type Bundle, bytesOf, type ThreadInput } from './sagaThreadMessages.ts';

type Activation = proto.coresdk.workflow_activation.IWorkflowActivation;
type Completion = proto.coresdk.workflow_completion.IWorkflowActivationCompletion;
const { WorkflowActivation } = proto.coresdk.workflow_activation;
const { WorkflowActivationCompletion } = proto.coresdk.workflow_completion;

/** Starts the thread, with the workflows loaded. */
export async function startSagaThread(
  bundle: Bundle,
  activityNames: Set<string>,
  logger: Logger,
): Promise<WorkflowCreator> {
  const file = new URL('./sagaThreadEntry.ts', import.meta.url);
  const client = new WorkerThreadClient(new NodeWorker(file), logger);
  const send = client.send.bind(client) as unknown as Send;
  await send({ type: 'begin', bundle, activityNames, muted: mutedLevels() });
  return {
    // Travels with the first activation, which follows at once.
    createWorkflow: async (options) => workflowIn(send, options),
    destroy: () => client.destroy(),
  };
}

type Send = (input: ThreadInput) => Promise<Activated | undefined>;

function workflowIn(send: Send, options: WorkflowCreateOptions) {
  const { runId } = options.info;
  let create: WorkflowCreateOptions | undefined = withoutFunctions(options);
  let sinkCalls: SinkCall[] = [];
  return {
    async activate(activated: Activation): Promise<Completion> {
      const activation = bytesOf(WorkflowActivation.encode(activated));
      const input: ThreadInput = { type: 'activate', runId, activation, ...(create && { create }) };
      create = undefined;
      const { completion, sinkCalls: calls } = (await send(input)) as Activated;
      sinkCalls = calls;
      return WorkflowActivationCompletion.decode(completion);
    },
    async getAndResetSinkCalls(): Promise<SinkCall[]> {
      const calls = sinkCalls;
      sinkCalls = [];
      return calls;
    },
    async dispose(): Promise<void> {
      // One that was never activated is not in the thread.
      if (create === undefined) await send({ type: 'dispose', runId }).catch(() => {});
    },
  };
}

/** Messages carry none; the sandbox has its own. */
function withoutFunctions({ info, ...options }: WorkflowCreateOptions): WorkflowCreateOptions {
  const { now: _, random: __, ...unsafe } = info.unsafe;
  return { ...options, info: { ...info, unsafe: unsafe as typeof info.unsafe } };
}

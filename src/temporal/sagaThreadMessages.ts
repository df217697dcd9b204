/** What the two ends of a thread of workflows say to each other. */
import type { WorkflowCreateOptions } from '@temporalio/worker/lib/workflow/interface.js';
import type { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';
import type { SinkCall } from '@temporalio/workflow';

export type Bundle = Parameters<typeof ReusableVMWorkflowCreator.create>[0];

export type ThreadInput =
  | {
      type: 'begin';
      bundle: Bundle;
      activityNames: Set<string>;
      /** Levels that nobody reads. */
      muted: readonly string[];
    }
  | { type: 'activate'; runId: string; activation: Uint8Array; create?: WorkflowCreateOptions }
  | { type: 'dispose'; runId: string }
  | { type: 'destroy' };

export interface Activated {
  completion: Uint8Array;
  /** What the workflow logged and counted meanwhile. */
  sinkCalls: SinkCall[];
}

/** The SDK's envelopes, which its `WorkerThreadClient` numbers and matches. */
export interface ThreadRequest {
  requestId: bigint;
  input: ThreadInput;
}
export interface ThreadReply {
  requestId: bigint;
  result:
    | { type: 'ok'; output: Activated | undefined }
    | { type: 'error'; name: string; message: string; stack: string };
}

/** Bytes of their own: those of a writer lie in a pool, and a message would carry all of that. */
export function bytesOf(writer: { finish(): Uint8Array }): Uint8Array {
  return new Uint8Array(writer.finish());
}

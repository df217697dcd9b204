import type { Client } from '@temporalio/client';
import { SAGA_TASK_QUEUE, type SagaInputs, type SagaType } from '../contracts/sagas.ts';
import { callUntil } from './calls.ts';
import { faultOf } from './failures.ts';
import { describeStart, type KnownFacts } from './startOptions.ts';

/**
 * - `here`: started by this call, and its first task runs on this process's worker.
 * - `elsewhere`: started by this call; some worker will take it.
 * - `exists`: a workflow of that id runs, or has run.
 */
export type Started = 'here' | 'elsewhere' | 'exists';

interface StartCall {
  /**
   * True where a saga of that id has ended and must run again: the sweeper's repair of an open
   * group, and a key that a request of the wrong shape left free.
   */
  again?: boolean;
  /** Of the call, in milliseconds since the epoch. */
  deadline: number;
  /** What its input does not say, for those who look for it. */
  known?: KnownFacts;
}

/**
 * Starts the workflow of a group under the group's id. One that runs already is not joined but told
 * (`exists`), so that of many callers with one key exactly one knows that the start was its own.
 *
 * @throws whatever else Temporal answers; see `faultOf`
 */
export async function startSaga<T extends SagaType>(
  client: Client,
  type: T,
  input: SagaInputs[T],
  { again = false, deadline, known = {} }: StartCall,
): Promise<Started> {
  try {
    const handle = await callUntil(client.connection, deadline, () =>
      client.workflow.start(type, {
        workflowId: input.groupId,
        taskQueue: SAGA_TASK_QUEUE,
        args: [input],
        // The first task comes back with the answer, when a worker of this process is free.
        requestEagerStart: true,
        workflowIdReusePolicy: again ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        ...describeStart(type, input, known),
      }),
    );
    return handle.eagerlyStarted ? 'here' : 'elsewhere';
  } catch (error) {
    if (faultOf(error).fault === 'already_started') return 'exists';
    throw error;
  }
}

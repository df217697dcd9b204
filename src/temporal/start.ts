import type { Client } from '@temporalio/client';
import { SAGA_TASK_QUEUE, type SagaInputs, type SagaType } from '../contracts/sagas.ts';
import { describeStart } from './startOptions.ts';

/**
 * Starts the workflow of a group under the group's id. Throws WorkflowExecutionAlreadyStartedError
 * when one runs or, unless `again`, has run under that id: the caller who gets no error is the one
 * who started it, which a start that silently joins the running one would not tell.
 *
 * @param again true for the sweeper's repair alone: a group that is open goes on in a new run
 */
export async function startSaga<T extends SagaType>(
  client: Client,
  type: T,
  input: SagaInputs[T],
  { again = false, deadline }: { again?: boolean; deadline: number },
): Promise<void> {
  await client.connection.withDeadline(deadline, () =>
    client.workflow.start(type, {
      workflowId: input.groupId,
      taskQueue: SAGA_TASK_QUEUE,
      args: [input],
      // The first task comes back with the answer, when a worker of this process is free.
      requestEagerStart: true,
      workflowIdReusePolicy: again ? 'ALLOW_DUPLICATE' : 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      ...describeStart(type, input),
    }),
  );
}

/** Reads from Temporal what a saga was started with. */
import type { Client } from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import type { RunningSaga, SagaType } from '../contracts/sagas.ts';
import { WORKFLOW } from '../contracts/sagas.ts';
import { readWithin } from './calls.ts';
import { faultOf } from './failures.ts';

/** The running saga of that id, or null. Throws when the server does not answer. */
export async function runningSaga(client: Client, groupId: string): Promise<RunningSaga | null> {
  try {
    const handle = client.workflow.getHandle(groupId);
    const description = await readWithin(client.connection, () => handle.describe());
    const { status, type, runId, startTime } = description;
    if (status.name !== 'RUNNING' || !(type in WORKFLOW)) return null;
    const input = await inputOfSaga(client, groupId, runId);
    const startedAt = startTime.toISOString().replace('Z', '000Z');
    return { type: type as SagaType, input, startedAt } as RunningSaga;
  } catch (error) {
    if (faultOf(error).fault === 'not_found') return null;
    throw error;
  }
}

/** First argument of a run, from its first event. */
export async function inputOfSaga(
  client: Client,
  workflowId: string,
  runId: string,
): Promise<unknown> {
  const { history } = await readWithin(client.connection, () =>
    client.workflowService.getWorkflowExecutionHistory({
      namespace: client.options.namespace,
      execution: { workflowId, runId },
      maximumPageSize: 1,
    }),
  );
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  return decode(client, started?.input?.payloads ?? []);
}

async function decode(client: Client, payloads: Payload[]): Promise<unknown> {
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter;
  let plain = payloads;
  for (const codec of [...payloadCodecs].reverse()) plain = await codec.decode(plain);
  const [first] = plain;
  return first && payloadConverter.fromPayload(first);
}

import type { Client } from '@temporalio/client';
import { callUntil } from './calls.ts';

/** Longest wait for the server's sign of life, in milliseconds. */
const READY_TIMEOUT_MS = 1_000;

/** True when the server answers for our namespace. */
export async function answers(client: Client): Promise<boolean> {
  const { namespace } = client.options;
  try {
    await callUntil(client.connection, Date.now() + READY_TIMEOUT_MS, () =>
      client.workflowService.describeNamespace({ namespace }),
    );
    return true;
  } catch {
    return false;
  }
}

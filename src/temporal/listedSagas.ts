/** What Temporal's list says about open groups: one question where there would be hundreds. */
import type { Client } from '@temporalio/client';
import type { Timestamp } from '../contracts/resources.ts';
import { readWithin } from './calls.ts';

/** What a client put into its key may not end the quotation; such ids are looked up one by one. */
const QUOTABLE = /^[^'"`\\]+$/;

/**
 * Those of the ids whose workflow runs, by Temporal's list. A list lags behind and may have lost
 * something, so it only saves questions: see `isTurnOf`.
 *
 * @throws where the server has no list, or refuses to answer now
 */
export async function listedAsRunning(client: Client, ids: string[]): Promise<Set<string>> {
  const asked = ids.filter((id) => QUOTABLE.test(id));
  if (asked.length === 0) return new Set();
  const within = asked.map((id) => `'${id}'`).join(', ');
  const { executions } = await readWithin(client.connection, () =>
    client.workflowService.listWorkflowExecutions({
      namespace: client.options.namespace,
      pageSize: asked.length,
      query: `ExecutionStatus = 'Running' AND WorkflowId IN (${within})`,
    }),
  );
  return new Set(executions?.map(({ execution }) => execution?.workflowId ?? ''));
}

/**
 * True in one minute of every hour, that of the second in which the group was made. In it the group
 * is looked up by its id whatever the list says: one that the list is wrong about for ever stays
 * without a saga for an hour, and each minute has a sixtieth of all to look up.
 */
export function isTurnOf(createdAt: Timestamp, now: Date): boolean {
  return new Date(createdAt).getUTCSeconds() === now.getUTCMinutes();
}

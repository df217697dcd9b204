/**
 * Nonces that are open again: the sagas of their groups have ended, so a workflow of its own spends
 * each, in a process that has the signer.
 */
import type { Client } from '@temporalio/client';
import { codeText } from '../contracts/markdown.ts';
import { SAGA_TASK_QUEUE, WORKFLOW } from '../contracts/sagas.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { callUntil } from '../temporal/calls.ts';
import type { Watch } from './chainTables.ts';

export interface OpenNonceDeps {
  db: Db;
  client: Client;
  watch: Watch;
  log: Log;
}

/** A workflow that somebody has ended by force is started again after it. */
const START_EVERY_MS = 30_000;
/** Longest call, in milliseconds. */
const CALL_TIMEOUT_MS = 5_000;

/** Answers a function that starts what is due: at once, then every half minute. */
export function createNonceSpender(
  { db, client, watch, log }: OpenNonceDeps,
  everyMs = START_EVERY_MS,
): () => Promise<void> {
  const startedAt = new Map<string, number>();
  return async () => {
    const { rows } = await db.query<{ groupId: string; sender: string; nonce: number }>({
      name: 'chain_nonces_to_spend',
      text: `select group_id as "groupId", sender, nonce::integer
        from chain_nonces_to_spend($1, $2)`,
      values: [watch.chain, watch.holder],
    });
    for (const { groupId, sender, nonce } of rows) {
      const now = performance.now();
      if (now - (startedAt.get(groupId) ?? Number.NEGATIVE_INFINITY) < everyMs) continue;
      await callUntil(client.connection, Date.now() + CALL_TIMEOUT_MS, () =>
        client.workflow.start(WORKFLOW.spendNonce, {
          workflowId: `spend:${groupId}`,
          taskQueue: SAGA_TASK_QUEUE,
          args: [groupId],
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          workflowIdConflictPolicy: 'USE_EXISTING',
          staticSummary: `Spend nonce ${nonce} of ${sender} on nothing`,
          staticDetails: `What ended ${codeText(groupId)} without paying is in no block any more.`,
        }),
      );
      startedAt.set(groupId, now);
      log.warn({ chain: watch.chain, groupId, sender, nonce }, 'a nonce is open again');
    }
    const due = new Set(rows.map(({ groupId }) => groupId));
    for (const groupId of startedAt.keys()) if (!due.has(groupId)) startedAt.delete(groupId);
  };
}

/** The database's part of the inbox; see migration 0055. */
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

export type Taken = 'taken' | 'copy' | 'contradiction';

export interface DueHook {
  id: string;
  source: string;
  deliveryId: string;
  /** Transactions that were not found in a block yet. */
  txids: string[];
  /** Payments that it named when it came again in other words; its first ones are in the body. */
  payments: string[];
  body: Buffer;
  /** How often it has come in other words so far. */
  words: number;
}

/** Stores a hook, or counts that it came again. */
export async function takeHook(
  db: Db,
  hook: {
    source: string;
    deliveryId: string;
    body: Uint8Array;
    txids: readonly string[];
    payments: readonly string[];
  },
): Promise<Taken> {
  const { rows } = await withRetry(() =>
    db.query<{ taken: Taken }>('select chain_take_hook($1, $2, $3, $4, $5) as taken', [
      hook.source,
      hook.deliveryId,
      hook.body,
      hook.txids,
      hook.payments,
    ]),
  );
  const taken = rows[0]?.taken;
  if (!taken) throw new Error('chain_take_hook answered nothing');
  return taken;
}

/** Takes hooks that are due; each is due again, later each time, until it is finished. */
export async function dueHooks(db: Db, limit: number): Promise<DueHook[]> {
  const { rows } = await db.query<DueHook>({
    name: 'chain_due_hooks',
    text: `select id::text, source, delivery_id as "deliveryId", txids, payments, body,
        words
      from chain_due_hooks($1)`,
    values: [limit],
  });
  return rows;
}

/**
 * Notes what was read. A rest that was waited for long enough is given up; null: never. Nothing is
 * finished of a hook that came in other words since it was taken.
 */
export async function noteHookRead(
  db: Db,
  { id, words }: DueHook,
  done: readonly string[],
  patienceSeconds: number | null,
): Promise<{ finished: boolean; fault: string | null }> {
  const { rows } = await db.query<{ finished: boolean; fault: string | null }>(
    'select finished, fault from chain_note_hook_read($1, $2, $3, $4)',
    [id, done, patienceSeconds, words],
  );
  return rows[0] ?? { finished: false, fault: null };
}

/** Removes hooks that ended long ago. Answers how many. */
export async function forgetHooks(db: Db, keepDays: number, limit: number): Promise<number> {
  const { rows } = await db.query<{ gone: number }>('select chain_forget_hooks($1, $2) as gone', [
    keepDays,
    limit,
  ]);
  return rows[0]?.gone ?? 0;
}

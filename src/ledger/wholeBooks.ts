/** Calls that read all entries: they may take longer than a step, and read tables as they lie. */
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/** A minute reads some ten million entries; longer and the books need another way. */
const PATIENCE_MS = 60_000;
/** Postgres gives up first, and says why. */
const SLACK_MS = 2_000;

/**
 * Runs a call such as `ledger_audit(10)` with patience. The settings hold for this one message:
 * Postgres runs its statements as one transaction.
 */
export async function callOnWholeBooks<Answer>(
  db: Db,
  call: string,
  patienceMs = PATIENCE_MS,
): Promise<Answer> {
  const text = `set local statement_timeout = ${patienceMs}; set local enable_seqscan = on;
    select ${call} as answer`;
  // One simple message of several statements is answered by several results.
  const query = { text, query_timeout: patienceMs + SLACK_MS };
  const results = (await withRetry(() => db.query(query))) as unknown as {
    rows: { answer: Answer }[];
  }[];
  const answer = results.at(-1)?.rows[0]?.answer;
  if (answer === undefined) throw new Error(`${call} answered nothing`);
  return answer;
}

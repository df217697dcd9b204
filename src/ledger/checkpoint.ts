import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/**
 * A balance of a system wallet as of an earlier time adds up the entries of so many seconds; of a
 * busy day a wallet has 288 of these rows.
 */
const WRITTEN_EVERY_SECONDS = 300;

/**
 * Brings the checkpoints of system wallets up to what can no longer change, so that reading them
 * stays quick however long their history is, and writes them down now and then. Safe beside
 * anything; never needed for a right answer.
 *
 * @returns how many entries were folded in
 */
export async function checkpoint(db: Db): Promise<number> {
  const { rows } = await withRetry(() =>
    db.query<{ folded: number }>({
      name: 'ledger_checkpoint',
      text: 'select ledger_checkpoint($1)::float8 as folded',
      values: [WRITTEN_EVERY_SECONDS],
    }),
  );
  return rows[0]?.folded ?? 0;
}

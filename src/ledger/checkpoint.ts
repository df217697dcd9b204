import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/**
 * A balance of a system wallet as of an earlier time adds up the entries of so many seconds; of a
 * busy day a wallet has 288 of these rows.
 */
const WRITTEN_EVERY_SECONDS = 300;
/** Entries a call: some half a second, where a statement may take ten. */
const FOLDED_A_CALL = 1_000_000;

/**
 * Brings the checkpoints of system wallets up to what can no longer change, so that reading them
 * stays quick however long their history is, and writes them down now and then. Safe beside
 * anything; never needed for a right answer.
 *
 * @returns how many entries were folded in, and whether there may be more that can be now
 */
export async function checkpoint(
  db: Db,
  most: number = FOLDED_A_CALL,
): Promise<{ folded: number; isMore: boolean }> {
  const { rows } = await withRetry(() =>
    db.query<{ folded: number }>({
      name: 'ledger_checkpoint',
      text: 'select ledger_checkpoint($1, $2)::float8 as folded',
      values: [WRITTEN_EVERY_SECONDS, most],
    }),
  );
  const folded = rows[0]?.folded ?? 0;
  return { folded, isMore: folded >= most };
}

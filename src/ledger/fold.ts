import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/**
 * Brings the checkpoints of system wallets up to what can no longer change, so that reading them
 * stays quick. Safe beside anything; never needed for a right answer.
 *
 * @returns how many entries were folded in
 */
export async function fold(db: Db): Promise<number> {
  const { rows } = await withRetry(() =>
    db.query(
      `select coalesce(sum(ledger_fold(b.wallet_id)), 0)::int as folded
       from wallet_balances b where b.mode = 'deferred'`,
    ),
  );
  return rows[0]?.folded ?? 0;
}

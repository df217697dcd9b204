import type { Db } from '../db/pool.ts';
import { callOnWholeBooks } from './wholeBooks.ts';

/**
 * Writes every balance down as it stands, and folds the deferred ones up to what can no longer
 * change. Again without a movement in between: nothing. Entries are neither moved nor removed.
 *
 * @returns how many balances were written down
 */
export async function snapshot(db: Db): Promise<number> {
  return Number(await callOnWholeBooks<string>(db, 'ledger_snapshot()'));
}

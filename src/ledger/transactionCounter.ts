import type { Db } from '../db/pool.ts';

/**
 * Refuses books that came from a server whose transaction counter was further, as a restored dump
 * does: balances of deferred wallets would leave out what is written from now on.
 *
 * @throws an Error that says how to raise this server's counter
 */
export async function requireTransactionCounter(db: Db): Promise<void> {
  try {
    await db.query('select check_transaction_counter(known_transactions())');
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    if (hint === undefined) throw error;
    throw new Error(`The ledger cannot be used on this server: ${message}. ${hint}`, {
      cause: error,
    });
  }
}

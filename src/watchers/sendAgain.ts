/**
 * Payments that were final by their asset's rule, are booked, and lost their block all the same:
 * their bytes go out again until a block has them. Nobody else would send them, since their sagas
 * have ended.
 */
import { ChainUnavailable } from '../contracts/chain.ts';
import type { LookAgainDeps } from './lookAgain.ts';

/** A node may drop them from its pool; more often only tells it what it knows. */
const SEND_EVERY_MS = 30_000;

/** Answers a function that sends what is due, at once and then every half minute. */
export function createResender(
  { db, port, watch, log }: LookAgainDeps,
  everyMs = SEND_EVERY_MS,
): () => Promise<void> {
  const sentAt = new Map<string, number>();
  return async () => {
    const { rows } = await db.query<{ group_id: string; txid: string; bytes: string }>({
      name: 'chain_gone_again',
      text: 'select group_id, txid, bytes from chain_gone_again($1, $2)',
      values: [watch.chain, watch.holder],
    });
    for (const { group_id: groupId, txid, bytes } of rows) {
      const now = performance.now();
      if (now - (sentAt.get(txid) ?? Number.NEGATIVE_INFINITY) < everyMs) continue;
      sentAt.set(txid, now);
      const said = { chain: watch.chain, groupId, txid, alert: 'PAYMENT_SENT_AGAIN' };
      const answer = await port.broadcast(bytes).catch((error: unknown) => {
        if (!(error instanceof ChainUnavailable)) throw error;
        return { result: 'unknown', detail: error.message };
      });
      log.error({ ...said, answer }, 'its group has ended, and no block has it any more');
    }
    const due = new Set(rows.map(({ txid }) => txid));
    for (const txid of sentAt.keys()) if (!due.has(txid)) sentAt.delete(txid);
  };
}

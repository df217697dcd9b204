/** Why coins at an address are not what the books say. */
import type { DriftCause } from '../contracts/chain.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { ChainPort } from './port.ts';

interface DriftAt {
  kind: 'deposit' | 'hot';
  /** Addresses that may have sent the coins away; none: no address of ours. */
  senders: readonly string[];
  isToken: boolean;
  /** What is there beyond what must be, in base units; never 0. */
  units: bigint;
  /** The block that was looked at. */
  height: number;
}

/**
 * - `unbooked_coins`: more is there than the books know of.
 * - `foreign_spend`: less is there, and the address sent transactions that are not ours.
 * - `token_lies`: less is there than the token's own events say, and nobody sent any away.
 * - `missing_coins`: less is there than the books say, and nothing tells why.
 * - `unknown`: the books speak of coins that no address of ours can have.
 */
export async function causeOf(db: Db, port: ChainPort, at: DriftAt): Promise<DriftCause> {
  if (at.senders.length === 0) return 'unknown';
  if (at.units > 0n) return 'unbooked_coins';
  for (const sender of at.senders) {
    const sent = await port.nextSequence(sender, at.height);
    if ((await foreignSpendings(db, port, sender, sent, at.height)) > 0) return 'foreign_spend';
  }
  // What a deposit address must have is known from the token's events alone.
  return at.isToken && at.kind === 'deposit' ? 'token_lies' : 'missing_coins';
}

async function foreignSpendings(
  db: Db,
  { chain }: ChainPort,
  sender: string,
  sent: number,
  height: number,
): Promise<number> {
  const { rows } = await withRetry(() =>
    db.query<{ count: string }>('select chain_foreign_spendings($1, $2, $3, $4) as count', [
      chain,
      sender,
      sent,
      height,
    ]),
  );
  return Number(rows[0]?.count);
}

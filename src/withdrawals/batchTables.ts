/** The ledger's side of batches; see migrations 0066 to 0070. */
import type { ChainId } from '../chains/port.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { Offer } from './offer.ts';
import type { Price } from './withdrawalTables.ts';

/** One of the withdrawals that a batch pays. */
export interface BatchMember {
  groupId: string;
  /** Lower case. */
  destination: string;
  amount: Amount;
}

/** Withdrawals of one asset that go together, in the order in which they came. */
export interface DueBatch {
  asset: string;
  members: BatchMember[];
}

export type OpenedBatch =
  /** From now on its members may be on the chain. */
  | { result: 'signing'; groupId: string }
  /** Nothing was written: a member is no longer ready, or nothing is paid now. */
  | { result: 'waiting'; why: string };

/**
 * For how many seconds a withdrawal waits for others before it is signed alone; null: it does not.
 *
 * @param seconds what it is to wait at most, where it comes first
 */
export async function waitForBatch(
  db: Db,
  groupId: string,
  seconds: number,
): Promise<number | null> {
  const { rows } = await withRetry(() =>
    db.query<{ seconds: number | null }>({
      name: 'chain_wait_for_batch',
      text: 'select chain_wait_for_batch($1, $2) as seconds',
      values: [groupId, seconds],
    }),
  );
  return rows[0]?.seconds ?? null;
}

/** What goes together now: of each asset two withdrawals and more, at most `most`. */
export async function dueBatches(
  db: Db,
  chain: ChainId,
  waitSeconds: number,
  most: number,
): Promise<DueBatch[]> {
  const { rows } = await withRetry(() =>
    db.query<DueBatch>({
      name: 'chain_due_batches',
      text: 'select asset, members from chain_due_batches($1, $2, $3)',
      values: [chain, waitSeconds, most],
    }),
  );
  return rows;
}

/** The wallet that withdrawals leave from, as the workers have written it down; null: none has. */
export async function readSender(db: Db, chain: ChainId): Promise<string | null> {
  const { rows } = await withRetry(() =>
    db.query<{ address: string | null }>('select chain_hot_wallet($1) as address', [chain]),
  );
  return rows[0]?.address ?? null;
}

/**
 * Opens a batch with its nonce, its attempt and its members, all or nothing; its saga signs.
 *
 * @param shown the payout contract as people read it
 */
export async function openBatch(
  db: Db,
  batch: DueBatch & { chain: ChainId; shown: string; offer: Offer; price: Price; inFlight: number },
): Promise<OpenedBatch> {
  const { chain, asset, members, shown, offer, price, inFlight } = batch;
  const { rows } = await withRetry(() =>
    db.query<{ opened: OpenedBatch }>({
      name: 'chain_open_batch',
      text: 'select chain_open_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) as opened',
      values: [
        chain,
        offer.sender,
        offer.destination,
        shown,
        asset,
        members.map(({ groupId }) => groupId),
        offer.chainNonce,
        JSON.stringify(offer.funds),
        JSON.stringify(price.terms),
        price.maxFee,
        inFlight,
      ],
    }),
  );
  const opened = rows[0]?.opened;
  if (!opened) throw new Error('chain_open_batch answered nothing');
  return opened;
}

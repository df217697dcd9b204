/** Deposits from the chain: one group an inclusion, decided by the stored chain alone. */
import type { Depth } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { CHAIN_ACTOR, type ChainStepOutcome, callChainStep, type Decided } from './chainStep.ts';

/** What decides when a deposit is credited and when it is final. */
export interface DepositFinality {
  /** The rule that applies; null: the asset's own values. */
  rule: string | null;
  credit: Depth;
  final: Depth;
}

/** How far an inclusion is. Heights are block numbers. */
export interface DepositProgress {
  groupId: string;
  txid: string;
  /** False: its block was dropped by a reorganisation. */
  canonical: boolean;
  blockHash: string;
  blockHeight: number;
  /** Blocks on it, its own included; 0 where it is not canonical. */
  confirmations: number;
  finality: DepositFinality;
  /** Why it is not credited yet, in a sentence; null: the stored chain has nothing against it. */
  waitsFor: string | null;
}

/**
 * Seconds without finality moving after which credits pause, where nothing else is configured. The
 * longest that Ethereum took in good times is 20 minutes.
 */
export const FINALITY_STALL_SECONDS = 1_800;

/**
 * Opens the group of an inclusion: the amount stands in `pendingIn`. One that was orphaned before
 * leaves a CANCELLED group without entries. Coins for no open wallet go to `unattributed:<asset>`.
 */
export async function openChainDeposit(db: Db, inclusionId: string): Promise<Decided> {
  const opened = await callChainStep(db, 'chain_open_deposit', [inclusionId, CHAIN_ACTOR]);
  if (opened.outcome === 'waiting') throw new Error(`Opening does not wait: ${opened.why}`);
  return opened;
}

/**
 * Makes a deposit available where, under the inclusion's lock, its block is canonical and deep
 * enough by the rules, and finality has moved within `stallSeconds`; else `waiting`.
 */
export function creditChainDeposit(
  db: Db,
  inclusionId: string,
  stallSeconds = FINALITY_STALL_SECONDS,
): Promise<ChainStepOutcome> {
  return callChainStep(db, 'chain_credit_deposit', [inclusionId, CHAIN_ACTOR, stallSeconds]);
}

/** Cancels a pending deposit whose block was dropped, with the reason ORPHANED; else `waiting`. */
export function orphanChainDeposit(db: Db, inclusionId: string): Promise<ChainStepOutcome> {
  return callChainStep(db, 'chain_orphan_deposit', [inclusionId, CHAIN_ACTOR]);
}

/** Looks its rule up again, and tells how far it is. Null where there is no such inclusion. */
export async function readDepositProgress(
  db: Db,
  inclusionId: string,
  stallSeconds = FINALITY_STALL_SECONDS,
): Promise<DepositProgress | null> {
  const { rows } = await withRetry(() =>
    db.query<{ progress: DepositProgress | null }>({
      name: 'chain_deposit_progress',
      text: 'select chain_deposit_progress($1, $2) as progress',
      values: [inclusionId, stallSeconds],
    }),
  );
  return rows[0]?.progress ?? null;
}

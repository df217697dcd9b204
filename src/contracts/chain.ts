/**
 * What the API asks of the chains. `src/chains/` implements it, the composition root hands it to
 * `createApp({ chain })`; without a chain (`CHAIN_RPC_URL=off`) the API gets none and answers
 * 503 CHAIN_UNAVAILABLE where one is needed.
 *
 * The API has checked shapes, scopes and that the wallet exists and is bound to a chain before it
 * calls. A method throws only for what nobody expected; a node that does not answer is thrown as
 * `ChainUnavailable`, so that the API tells 503 CHAIN_UNAVAILABLE from a bug.
 */
import type { Amount, GroupStatus, Timestamp } from './resources.ts';

/** A node that did not answer, or that cannot be believed now. The message is for the caller. */
export class ChainUnavailable extends Error {
  override readonly name = 'ChainUnavailable';
}

/** `address` as it is shown (EIP-55); one address serves all assets of an owner on a chain. */
export interface DepositAddress {
  address: string;
  /** CAIP-2. */
  chain: string;
  wallet: string;
}

/** One followed chain, as `GET /v1/chains` shows it. Heights are block numbers. */
export interface ChainStatus {
  /** CAIP-2. */
  chain: string;
  /** Head that the node told last; null: never told. */
  height: number | null;
  /** Highest block that was read and stored; null: none yet. */
  cursor: number | null;
  /** `height - cursor`; null where one of them is. */
  lag: number | null;
  /** How often the watcher had to rewind. */
  reorgs: number;
  /** Why the watcher stopped, oldest first; a chain that runs has none that is not over. */
  halts: ChainHalt[];
  /** Senders for which nothing is signed until somebody has looked, oldest first. */
  senderPauses: ChainSenderPause[];
  /** Blocks that are or were read once more, newest first, at most 20. */
  rescans: ChainRescan[];
}

/** `holdfast chain explain` says what is not known, and ends it. */
export interface ChainSenderPause {
  /** Lower case. */
  sender: string;
  cause: SenderPauseCause;
  reason: string;
  since: Timestamp;
}

/**
 * - `unknown_transactions`: the chain has transactions of it that the books do not know.
 * - `nonce_taken`: something that is not ours took a withdrawal's nonce.
 * - `late_confirmed`: a block has something else of a group than what it ended by.
 */
export const SENDER_PAUSE_CAUSES = [
  'unknown_transactions',
  'nonce_taken',
  'late_confirmed',
] as const;
type SenderPauseCause = (typeof SENDER_PAUSE_CAUSES)[number];

export interface ChainHalt {
  reason: string;
  since: Timestamp;
  until: Timestamp | null;
  /** Who let the chain go on and why; null while it stands, or where it was done by hand. */
  endedBy: string | null;
  endedWhy: string | null;
}

/** Blocks that are read once more. */
export interface ChainRescan {
  id: string;
  chain: string;
  from: number;
  to: number;
  /** The next block to look at; `to + 1` when all are done. */
  next: number;
  /** Ends the chain's halts first. */
  liftHalts: boolean;
  /** Deposits that were not known before. */
  found: number;
  requestedBy: string;
  reason: string;
  /** Why it was given up, in a sentence. */
  fault: string | null;
  createdAt: Timestamp;
  finishedAt: Timestamp | null;
}

/** Coins on `unattributed:<asset>`: a deposit that no wallet was there for. */
export interface UnattributedDeposit {
  /** The deposit's group. */
  id: string;
  status: GroupStatus;
  asset: string;
  amount: Amount;
  chain: string;
  txid: string;
  from: string;
  /** Where it came to, and who that address was handed out for. */
  address: string;
  owner: string | null;
  why: 'NO_WALLET' | 'BELOW_MINIMUM';
  createdAt: Timestamp;
  /** Null: it still waits for somebody to say whose it is. */
  assigned: { wallet: string; groupId: string; by: string; reason: string; at: Timestamp } | null;
}

/** Which blocks are to be read once more, and for whom. */
export interface RescanRequest {
  chain: string;
  /** A transaction's block, or the first of many. */
  at: { txid: string } | { from: number; to: number | null };
  requestedBy: string;
  reason: string;
  liftHalts: boolean;
}

/** Why the books and the chain differ at an address. */
export const DRIFT_CAUSES = [
  'unbooked_coins',
  'missing_coins',
  'foreign_spend',
  'token_lies',
  'unknown',
] as const;
export type DriftCause = (typeof DRIFT_CAUSES)[number];

/** Signed; together they are what our addresses must have. See `chain_terms` (migration 0029). */
export const RECONCILIATION_TERMS = [
  'external',
  'depositsNotBooked',
  'depositsAhead',
  'paymentsNotSettled',
  'paymentsAhead',
  'feesNotBooked',
  'feesAhead',
] as const;
export type ReconciliationTerm = (typeof RECONCILIATION_TERMS)[number];

/** An address that has more or less than it must. */
export interface DriftPlace {
  /** Null: it cannot be told which; the hot wallets together, or none of our addresses. */
  address: string | null;
  kind: 'deposit' | 'hot';
  /** What is there beyond what must be; negative: it is missing. */
  drift: Amount;
  cause: DriftCause;
}

/** Chain against ledger for one asset at one block. */
export interface ChainReconciliation {
  chain: string;
  asset: string;
  block: number;
  blockHash: string;
  /** Sum over all own addresses at `block`. */
  onChain: Amount;
  /** What the ledger says it must be: the sum of `terms`. */
  expected: Amount;
  terms: Record<ReconciliationTerm, Amount>;
  /** `onChain - expected`, and `surplus - missing`. */
  drift: Amount;
  /** What addresses have too little and too much; one does not make up for the other. */
  missing: Amount;
  surplus: Amount;
  /** The largest come first, at most 100. */
  places: DriftPlace[];
  placesLeftOut: number;
  /** What `shortfall:<asset>` is short of: owed by wallets, or lost. No drift: it is booked. */
  shortfall: { total: Amount; owed: Amount; lost: Amount };
  /** Above it withdrawals of the asset are paused; surplus null: coins too many never do that. */
  tolerance: { missing: Amount; surplus: Amount | null };
  /** The pause that was made by itself, while withdrawals are paused. */
  pause: { by: string; reason: string; since: Timestamp } | null;
  /**
   * Why the asset's contract tells no balances, in a sentence; then nothing was compared, and
   * `onChain`, `drift`, `missing` and `surplus` are 0. Null: it was.
   */
  unreadable: string | null;
}

export interface ChainDoor {
  /** What is missing, in a sentence for `GET /health/ready`, or null when all is well. */
  missing(): Promise<string | null>;

  /**
   * What is not seen on this chain although all is well, one sentence each, for the same page: such
   * as coins that a contract pays out where the node gives no traces. Empty while it is away.
   */
  blindSpots(): Promise<readonly string[]>;

  /**
   * The wallet's deposit address; `fresh` derives a further one. `created` is false where the
   * address had been handed out before.
   */
  depositAddress(input: {
    wallet: string;
    fresh: boolean;
  }): Promise<{ created: boolean; address: DepositAddress }>;

  /** All addresses that were handed out for the wallet, newest first. */
  listDepositAddresses(input: { wallet: string }): Promise<DepositAddress[]>;

  /**
   * Reads the transaction again from the node and feeds the watcher's own path (nothing is booked
   * from the caller's words). Answers the ids of the deposit groups that the transaction has for
   * this asset, oldest first, also of those that are yet to be written; `mayCome`: the node has it,
   * and no block that was read does.
   */
  depositGroups(input: {
    asset: string;
    txid: string;
  }): Promise<{ ids: string[]; mayCome: boolean }>;

  /**
   * Why amounts of an asset would not be what the chain has, in a sentence, or null: its scale is
   * not the number of decimals that the contract, or the native coin (null), counts in. Null too
   * of another chain, where the node does not answer, and where the contract does not say.
   */
  scaleFault(input: {
    chain: string;
    contract: string | null;
    scale: number;
  }): Promise<string | null>;

  /**
   * Checks a withdrawal's destination. Answers the canonical text
   * that the withdrawal carries from here on (EIP-55), so that the same address in another
   * spelling is the same request; or why not, in a sentence. Pure but for what is registered:
   * it asks no node.
   */
  validateDestination(input: {
    asset: string;
    destination: string;
  }): Promise<{ destination: string } | { fault: string }>;

  /** All followed chains. */
  chains(): Promise<ChainStatus[]>;

  /** Asks the watcher to read blocks once more; or why it cannot, in a sentence. */
  rescan(request: RescanRequest): Promise<ChainRescan | { refused: string }>;

  /** One line per asset bound to a followed chain. */
  reconciliation(): Promise<ChainReconciliation[]>;
}

/**
 * What Holdfast asks of a chain, in words that fit account chains, UTXO chains and custodians
 * alike. One adapter a chain family implements it; nothing outside `src/chains/<family>/` knows
 * more.
 *
 * Units are base units (wei, satoshi) as bigint: adapters alone see them. Heights are block
 * numbers. Addresses, hashes and transaction ids are lower-case texts of the chain's own spelling.
 *
 * A method throws `ChainUnavailable` when the node does not answer or contradicts itself: the
 * caller tries again later and books nothing. An answer is never guessed from silence.
 */

import { ChainUnavailable } from '../contracts/chain.ts';

/** CAIP-2, such as `eip155:31337`. */
export type ChainId = string;

export interface BlockRef {
  height: number;
  hash: string;
  parentHash: string;
}

/** How far the chain's own finality has come; null where the node does not tell. */
export interface Finality {
  safe: BlockRef | null;
  finalized: BlockRef | null;
}

/** Coins that moved to an address, successfully, in one block. */
export interface Transfer {
  txid: string;
  /** Place of the event within its transaction; the same wherever the transaction is included. */
  ordinal: string;
  /** Token contract; null: the native coin. */
  contract: string | null;
  from: string;
  to: string;
  units: bigint;
}

/** What became of a transaction that we sent, in one block. */
export interface Outcome {
  txid: string;
  succeeded: boolean;
  /** What its sender paid for it, in the native coin. */
  feeUnits: bigint;
  /** All that it moved, of registered tokens and the native coin: proof of what it paid. */
  transfers: Transfer[];
  /**
   * What the contract that it called says to have paid on in native coins: proof where the payment
   * was in parts. They are no `transfers`, since the call's own value is one.
   */
  payouts: PaymentPart[];
}

/** What to look for in a block. */
export interface Watch {
  /** Registered token contracts; tokens of others are never seen. */
  contracts: readonly string[];
  /** Whether the native coin is registered; where it is not, nobody asks for costly traces. */
  native: boolean;
  /** Which of these addresses are ours. */
  ours(addresses: readonly string[]): Promise<ReadonlySet<string>>;
  /** Which of these transactions we sent. */
  sent(txids: readonly string[]): Promise<ReadonlySet<string>>;
}

export interface BlockEvents {
  /** To addresses of ours, in the order of the chain. */
  transfers: Transfer[];
  outcomes: Outcome[];
}

export type TransactionStatus =
  | { state: 'unknown' }
  | { state: 'pending' }
  | { state: 'included'; height: number; blockHash: string; succeeded: boolean };

/**
 * What a node said to signed bytes. None of them proves that the bytes are nowhere.
 * - `accepted`: taken now, or known already.
 * - `sequence_used`: the sender's sequence number is spent; look up our own attempts.
 * - `refused`: this node does not take them, for the reason told.
 */
export type BroadcastResult =
  | { result: 'accepted' }
  | { result: 'sequence_used'; detail: string }
  | { result: 'refused'; detail: string };

export interface Payment {
  sender: string;
  /** Of a payment in parts: the contract that pays them. */
  destination: string;
  /** Token contract; null: the native coin. */
  contract: string | null;
  units: bigint;
  /** Several payments in one transaction: all of them or none. `units` is their sum. */
  parts?: readonly PaymentPart[];
}

/** One of several payments that are made together. */
export interface PaymentPart {
  destination: string;
  units: bigint;
}

/** Price of one transaction. */
export interface FeeQuote {
  /** Most that it can cost, in the native coin. */
  maxFeeUnits: bigint;
  /** The terms in the family's own words, decimal texts; kept with the attempt and shown. */
  terms: Record<string, string>;
}

/** What spent a sequence number of a sender, in a block. */
export interface Spending {
  txid: string;
  height: number;
  blockHash: string;
  /** Signed bytes and terms, where the adapter can read them back; null: it cannot. */
  signed: { bytes: string; terms: Record<string, string> } | null;
  /** All that it moved, registered or not. */
  outcome: Outcome;
}

/** A payment that cannot be quoted because the chain would reject it, in a sentence. */
export interface PaymentFault {
  fault: string;
}

/**
 * A block that the node has and cannot tell whole, although it was asked again and again: whoever
 * follows the chain halts then, rather than to leave something out.
 */
export class BlockUnreadable extends ChainUnavailable {
  readonly height: number;
  readonly hash: string;

  constructor(height: number, hash: string, words: string) {
    super(words);
    this.height = height;
    this.hash = hash;
  }
}

/** The node answered, and the token's contract tells no balance. Other assets may be asked. */
export class BalanceUnreadable extends ChainUnavailable {}

export interface ChainPort {
  readonly chain: ChainId;
  /** What this adapter cannot see on this node, one sentence each; readiness tells them. */
  readonly blindSpots: readonly string[];

  /** First block of the chain: tells a chain from another one of the same id. */
  genesisHash(): Promise<string>;
  head(): Promise<BlockRef>;
  finality(): Promise<Finality>;
  blockByHeight(height: number): Promise<BlockRef | null>;
  blockByHash(hash: string): Promise<BlockRef | null>;
  /** Everything in this very block that concerns us; the whole of it, or it throws. */
  eventsOf(block: BlockRef, watch: Watch): Promise<BlockEvents>;

  transactionStatus(txid: string): Promise<TransactionStatus>;
  /** How many decimals a token, or the native coin, counts in; null: the contract does not say. */
  decimalsOf(contract: string | null): Promise<number | null>;
  /**
   * Balance after a block: by height, or by hash, which throws where that block is no longer
   * canonical.
   */
  balanceOf(
    address: string,
    contract: string | null,
    at: number | { hash: string },
  ): Promise<bigint>;
  /** The same of any number of addresses, in their order, by as few calls as the node allows. */
  balancesOf(
    addresses: readonly string[],
    contract: string | null,
    at: number | { hash: string },
  ): Promise<bigint[]>;
  /**
   * The sender's next free sequence number (nonce) after all blocks up to the head, or up to that
   * height.
   */
  nextSequence(sender: string, height?: number): Promise<number>;
  /** The same after what waits for a block too, as far as the node knows of it. */
  pendingSequence(sender: string): Promise<number>;
  /** The transaction that spent a sequence number up to that height; null: none has. */
  spentBy(sender: string, sequence: number, height: number): Promise<Spending | null>;
  feeQuote(payment: Payment): Promise<FeeQuote | PaymentFault>;
  /** Why no payment in parts goes through the contract at an address, in a sentence, or null. */
  payoutFault(address: string): Promise<string | null>;
  /**
   * Prices a payment that takes the place of one with the terms `replaced`, on the same sequence
   * number: at least as much more as nodes ask for, at most `capUnits` (null: no cap) in all.
   *
   * @param sameCall only the price differs from what is replaced
   */
  replacementQuote(
    payment: Payment,
    replaced: Record<string, string>,
    sameCall: boolean,
    capUnits: bigint | null,
  ): Promise<FeeQuote | PaymentFault>;
  /** Unsigned bytes (hex) of a payment; pure, so that the same input gives the same bytes. */
  draft(payment: Payment, terms: Record<string, string>, sequence: number): string;
  broadcast(signedBytes: string): Promise<BroadcastResult>;
}

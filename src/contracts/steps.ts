/**
 * Inputs and outcomes of the ledger's steps. A step is one ledger write of a saga: one call of one
 * PL/pgSQL function, with its own op key, replayable for ever.
 */
import type { ProblemCode } from './codes.ts';
import type { Amount, Group, GroupKind, GroupStatus, LegType, Metadata } from './resources.ts';

/** The refusal of a step: a stored value, never an exception. */
export interface Refusal {
  code: ProblemCode;
  detail: string;
  errors?: { pointer: string; detail: string }[];
}

/**
 * What a step answered.
 * - `done`: the step took effect, now (`replayed: false`) or earlier under the same key.
 * - `refused`: it did not, and never will under this key, unless `frozen` is false.
 * - `key_reused`: the key stands for another request; `stored` and `asked` name the difference.
 * - `not_due`: `expire` came before the deadline; nothing was stored.
 * - `not_found`: no such group; nothing was stored.
 */
export type StepOutcome =
  | { outcome: 'done'; replayed: boolean; groupStatus: GroupStatus; group: Group }
  | {
      outcome: 'refused';
      replayed: boolean;
      frozen: boolean;
      groupStatus: GroupStatus;
      refusal: Refusal;
      group: Group | null;
    }
  | { outcome: 'key_reused'; stored: unknown; asked: unknown; groupStatus: GroupStatus | null }
  | { outcome: 'not_due'; expiresAt: string; groupStatus: GroupStatus }
  | { outcome: 'not_found' };

/** Who acts, for the op row and the timeline. */
export interface Actor {
  /** An API client's name, or a part of the service, such as `saga`, `sweeper` or `risk`. */
  name: string;
  /** True where the caller's key has the scope `admin`: may name system wallets in a leg. */
  admin: boolean;
}

/** What every step carries. */
export interface StepInput {
  groupId: string;
  /** `<verb>:<client>:<key>`, or an internal key that begins with `~`. See `stepKey`. */
  stepKey: string;
  actor: Actor;
}

/** What an act on a group carries. */
export interface ActInput extends StepInput {
  /** As of a first step. None: a person's button. */
  acceptBy?: string | null;
}

export interface LegInput {
  wallet: string;
  type: LegType;
  amount: Amount;
  /** When given it must be the wallet's asset, else ASSET_MISMATCH. */
  asset?: string;
}

export interface LegAmount {
  leg: number;
  amount: Amount;
}

/** First step of a group of kind `transfer`: `transfer` (immediate) or `hold` (manual). */
export interface OpenTransferInput extends StepInput {
  client: string;
  legs: LegInput[];
  /** `immediate`: held and settled in one transaction. `manual`: held, waits. */
  settle: 'immediate' | 'manual';
  /** Seconds from the hold to the deadline; null for `immediate`. */
  expiresIn: number | null;
  reference: string | null;
  metadata: Metadata;
  /** After this time the step is refused with NOT_ACCEPTED_IN_TIME; null: no such bound. */
  acceptBy: string | null;
}

export interface AddLegsInput extends ActInput {
  legs: LegInput[];
}

export interface SettleInput extends ActInput {
  /** None: everything held. */
  legs: LegAmount[] | null;
  final: boolean;
  /** False for signals: a refusal is told, not stored, so that a later signal may succeed. */
  freeze?: boolean;
}

/** Release, cancel, reject: give back what remains. */
export interface GiveBackInput extends ActInput {
  reason: string;
  freeze?: boolean;
}

export interface ExpireInput extends StepInput {
  /** The deadline that this call is for; another one in the row means `not_due`. */
  expiresAt: string;
}

export interface ExtendInput extends ActInput {
  /** Seconds from now. */
  expiresIn: number;
}

export interface ReverseInput extends StepInput {
  /** The group to reverse; `groupId` is the new group's id. */
  reverses: string;
  client: string;
  amount: Amount | null;
  legs: LegAmount[] | null;
  reason: string;
  acceptBy: string | null;
}

/** First step of a chainless deposit: external DEBIT, wallet CREDIT, both held. */
export interface OpenDepositInput extends StepInput {
  client: string;
  wallet: string;
  amount: Amount;
  txid: string | null;
  ordinal: number | null;
  source: string | null;
  metadata: Metadata;
  acceptBy: string | null;
}

/** Confirm of a chainless deposit, finalize of a chainless withdrawal. */
export interface CaptureInput extends ActInput {
  /** None: all that is pending. */
  amount: Amount | null;
  final: boolean;
  /** Finalize only: the outside's reference. */
  txid: string | null;
}

/** First step of a withdrawal: wallet DEBIT, external CREDIT; the fee in its own two legs. */
export interface OpenWithdrawalInput extends StepInput {
  client: string;
  wallet: string;
  amount: Amount;
  destination: string;
  feeMode: 'platform' | 'customer';
  maxFee: Amount | null;
  riskMeta: Metadata | null;
  expiresIn: number | null;
  metadata: Metadata;
  /** Of a payout run's line; the caller's own word for it. */
  reference?: string | null;
  acceptBy: string | null;
}

/** Release of a withdrawal whose bytes cannot be on a chain; part of it where `amount` is given. */
export interface ReleaseWithdrawalInput extends ActInput {
  reason: string;
  amount: Amount | null;
  final: boolean;
}

/** What the risk check said of a withdrawal. */
export interface RecordRiskInput extends StepInput {
  verdict: 'allow' | 'review' | 'deny';
  /** The check's own words, for people. */
  reason: string | null;
}

/** Asks for another attempt in the place of one that is in no block. */
export interface ReplaceAttemptInput extends ActInput {
  /** Most that it may cost, in the chain's native coin; null: as configured. */
  maxFee: Amount | null;
}

/**
 * Cancel of a group that may not be there yet: writes a tombstone, so that a late hold is refused.
 */
export interface TombstoneInput extends StepInput {
  kind: GroupKind;
  client: string;
  reason: string;
}

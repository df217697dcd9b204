/**
 * The resources of the HTTP contract, as the ledger functions build them and the API sends them.
 * Amounts are decimal strings in whole units of the asset, plain notation, no trailing zeros.
 * Times are RFC 3339 UTC with six fractional digits and `Z`.
 */

/** A decimal string in whole units of an asset, such as `"1.5"`. Never a JS number. */
export type Amount = string;

/** RFC 3339 UTC, six fractional digits, `Z`. */
export type Timestamp = string;

/** Free-form data of the caller, stored and returned as it came. */
export type Metadata = Record<string, unknown>;

export type LegType = 'DEBIT' | 'CREDIT';
export type GroupStatus = 'IN_PROGRESS' | 'SETTLED' | 'RELEASED' | 'CANCELLED';
export type EntryStatus = 'HOLD' | 'SETTLED' | 'RELEASED' | 'CANCELLED';
export type WalletStatus = 'OPEN' | 'FROZEN' | 'CLOSED';
/** `collection` is reserved for treasury movements, `batch` for what pays several withdrawals. */
export type GroupKind = 'transfer' | 'deposit' | 'withdrawal' | 'reversal' | 'collection' | 'batch';
export type WalletKind =
  | 'user'
  | 'merchant'
  | 'escrow'
  | 'system'
  | 'external'
  | 'fees'
  | 'shortfall'
  | 'treasury'
  | 'unattributed';

/** One leg of a group as it stands: `amount` = settled + given back + `remaining`. */
export interface Leg {
  leg: number;
  wallet: string;
  asset: string;
  type: LegType;
  amount: Amount;
  settled: Amount;
  remaining: Amount;
}

/**
 * States of a withdrawal. Chainless ones know `held`, `awaiting_approval`, `stuck`, `settled`,
 * `released`. `requested` is accepted but not written yet: the API alone says it, no row has it.
 * From the commit of `signing` on, bytes may be on a chain.
 */
export type WithdrawalState =
  | 'requested'
  | 'held'
  | 'awaiting_approval'
  | 'awaiting_funds'
  | 'signing'
  | 'signed'
  | 'broadcast'
  | 'broadcast_unknown'
  | 'in_block'
  | 'confirmed'
  | 'stuck'
  | 'replacing'
  | 'cancelling'
  | 'reverted'
  | 'settled'
  | 'released'
  | 'late_confirmed';

export interface WithdrawalAttempt {
  txid: string;
  nonce: number;
  /** `cancel`: a transfer of nothing to the sender itself, in the payment's place. */
  kind: 'payment' | 'cancel';
  fees: { maxFeePerGas: string; maxPriorityFeePerGas: string; gas: string };
  /** `replaced`: another attempt is in a block, on the same nonce, so this one can be in none. */
  outcome: 'signed' | 'broadcast' | 'broadcast_unknown' | 'in_block' | 'reverted' | 'replaced';
}

/** What has to be said before a withdrawal may leave. */
export interface WithdrawalApproval {
  /** The approval rule that asked for people; null: none did. */
  rule: string | null;
  /** How many clients have to approve. */
  needed: number;
  /** The clients that have, in their order. */
  given: string[];
  /** The risk check's word; null: there was no check when it was opened. */
  risk: 'pending' | 'allow' | 'review' | 'deny' | null;
}

export interface WithdrawalView {
  state: WithdrawalState;
  destination: string;
  /** Left out where nothing was asked. */
  approval?: WithdrawalApproval;
  attempts: WithdrawalAttempt[];
  confirmations: number;
}

/** A transfer group as the ledger functions build it (`group_json`). */
export interface Group {
  id: string;
  kind: GroupKind;
  status: GroupStatus;
  reason: string | null;
  legs: Leg[];
  expiresAt: Timestamp | null;
  createdAt: Timestamp;
  finishedAt: Timestamp | null;
  reference: string | null;
  metadata: Metadata;
  reverses: string | null;
  withdrawal?: WithdrawalView;
}

export interface Entry {
  id: string;
  groupId: string;
  leg: number;
  wallet: string;
  asset: string;
  type: LegType;
  status: EntryStatus;
  /** Signed: DEBIT holds and settlements are negative; RELEASED and CANCELLED undo their hold. */
  amount: Amount;
  /** The step that wrote it: `<verb>:<client>:<key>`, or an internal step that begins with `~`. */
  operation: string;
  walletVersion: number | null;
  settledAfter: Amount | null;
  heldAfter: Amount | null;
  pendingInAfter: Amount | null;
  createdAt: Timestamp;
}

export interface Balance {
  available: Amount;
  pendingIn: Amount;
  held: Amount;
  settled: Amount;
}

export interface Wallet {
  id: string;
  owner: string;
  asset: string;
  kind: WalletKind;
  status: WalletStatus;
  balance: Balance;
  version: number;
  createdAt: Timestamp;
  metadata: Metadata;
}

export interface Asset {
  code: string;
  scale: number;
  /** CAIP-2, such as `eip155:31337`; null for a chainless asset. */
  chain: string | null;
  /** Token contract on `chain`, EIP-55; null for the native coin. */
  contract: string | null;
  name: string | null;
  minDeposit: Amount | null;
  minWithdrawal: Amount | null;
  withdrawalFee: Amount | null;
  confirmations: number | null;
  final: 'finalized' | 'safe' | number | null;
  depositsPaused: boolean;
  withdrawalsPaused: boolean;
  createdAt: Timestamp;
}

/** From an amount on, withdrawals of an asset need so many approvals. */
export interface ApprovalRule {
  id: string;
  asset: string;
  /** Null: everybody's. */
  owner: string | null;
  /** Null: every kind. */
  walletKind: WalletKind | null;
  from: Amount;
  approvals: number;
}

/** An address that an owner's withdrawals may go to. */
export interface Destination {
  id: string;
  owner: string;
  /** CAIP-2; null: of assets without a chain. */
  chain: string | null;
  /** As withdrawals carry it: on an EVM chain EIP-55. */
  address: string;
  memo: string | null;
  label: string | null;
  status: 'PENDING' | 'ACTIVE' | 'DELETED';
  /** From when on it can be used, by the longest delay that may apply to it. */
  activeAt: Timestamp;
  createdAt: Timestamp;
  createdBy: string;
  deletedAt: Timestamp | null;
  deletedBy: string | null;
}

/** Withdrawals of an asset, of an owner, of both or of all go to listed destinations alone. */
export interface DestinationRule {
  id: string;
  asset: string | null;
  owner: string | null;
  /** How old an entry of the list has to be. */
  activeAfterSeconds: number;
}

export interface Limit {
  id: string;
  asset: string;
  owner: string | null;
  wallet: string | null;
  window: 'day';
  amount: Amount;
  kinds: GroupKind[];
}

/** When deposits of an asset are credited and final; the first rule that fits applies. */
export interface FinalityRule {
  id: string;
  asset: string;
  /** Rules are looked at from the lowest number up, of the same number by id. */
  priority: number;
  /** Least sum within the window, from one source or to one owner; null: any. */
  minAmount: Amount | null;
  /** Sending address; null: any. */
  source: string | null;
  credit: Depth;
  /** Null: the asset's own. */
  final: Depth | null;
}

/** How deep a block lies: so many blocks, its own included, or the chain's own word. */
export type Depth = number | 'safe' | 'finalized';

/** When coins of an asset are collected, and how much of it the hot wallet shall have. */
export interface TreasuryRule {
  asset: string;
  /** Less than that stays on its deposit address. */
  minAmount: Amount;
  /** Most that one attempt may cost, in the native coin of the chain. */
  maxFee: Amount;
  /** Collect only while the hot wallet has less, or withdrawals wait for it; null: always. */
  lowWater: Amount | null;
  /** More than that on the hot wallet is an alert; null: never. */
  highWater: Amount | null;
  /** Where what is above `highWater` goes, shown as EIP-55; null: it stays. */
  coldAddress: string | null;
}

/** How much of an asset may be on its way out at the same time. */
export interface OpenLimit {
  id: string;
  asset: string;
  /** Whose; null: everybody's. */
  owner: string | null;
  /** True: each owner's for itself; else together. */
  eachOwner: boolean;
  /** Most open withdrawals; null: no bound. */
  withdrawals: number | null;
  /** Most that they hold together; null: no bound. */
  amount: Amount | null;
}

/** One line of a group's history: what, when, by whom, why. */
export interface TimelineItem {
  at: Timestamp;
  /** A ledger verb (`hold`, `settle` …) or a fact (`chain.in_block`, `signal.settle` …). */
  event: string;
  /** Who: an API client, `temporal-ui`, or a part of the service, such as `saga` or `ledger`. */
  actor: string;
  outcome: 'done' | 'refused' | 'seen';
  reason: string | null;
  detail: Record<string, unknown>;
}

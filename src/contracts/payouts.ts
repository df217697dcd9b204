/** Payout runs: long lists of payments out of one wallet, as ledger, sagas and API know them. */
import type { Amount, Metadata, Timestamp, WithdrawalState } from './resources.ts';
import type { NoOutcome } from './sagas.ts';
import type { Actor, Refusal } from './steps.ts';

/** A desk's list in one request; ten times as many would not fit a statement's ten seconds. */
export const MAX_PAYOUT_LINES = 10_000;

/**
 * `CANCELLED`: ended before all lines had their own end. `CANCELLING`: nothing more is begun, and
 * some withdrawals have not ended.
 */
export const PAYOUT_RUN_STATUSES = ['RUNNING', 'CANCELLING', 'DONE', 'CANCELLED'] as const;
export type PayoutRunStatus = (typeof PAYOUT_RUN_STATUSES)[number];

/**
 * `waiting`: not paid so far, or being paid now. `held`: its withdrawal is open. `released`: its
 * withdrawal gave the money back. `cancelled`: will never be begun.
 */
export const PAYOUT_LINE_STATUSES = [
  'waiting',
  'held',
  'settled',
  'refused',
  'released',
  'cancelled',
] as const;
export type PayoutLineStatus = (typeof PAYOUT_LINE_STATUSES)[number];

/** A run as the ledger functions build it (`payout_run_json`). */
export interface PayoutRun {
  id: string;
  status: PayoutRunStatus;
  /** Why it was cancelled. */
  reason: string | null;
  /** Who pays. */
  wallet: string;
  asset: string;
  /** Sum of all lines, and of those that are paid. */
  total: Amount;
  paid: Amount;
  reference: string | null;
  metadata: Metadata;
  /** How many lines there are, and how many of each status. */
  lines: { total: number } & Record<PayoutLineStatus, number>;
  withdrawals: PayoutProgress;
  createdAt: Timestamp;
  finishedAt: Timestamp | null;
}

/** Where the withdrawals of the lines are that are `held`, as far as they are known. */
export interface PayoutProgress {
  awaitingApproval: number;
  awaitingFunds: number;
  /** To be signed next; of an asset without a chain: somebody outside has to pay. */
  ready: number;
  /** Being signed, signed or in a block: only the chain or the custodian ends those. */
  sent: number;
  stuck: number;
}

/** A line as it stands (`payout_line_json`). */
export interface PayoutLine {
  /** From 1, in the order of the request. */
  line: number;
  /** Who is paid: a wallet, or somebody outside. */
  wallet: string | null;
  destination: string | null;
  amount: Amount;
  /** How the network's fee is paid; null where the line names a wallet. */
  feeMode: 'platform' | 'customer' | null;
  maxFee: Amount | null;
  reference: string | null;
  status: PayoutLineStatus;
  /** Of its withdrawal; null where it has none. */
  state: WithdrawalState | null;
  /** The group that pays it, or that was refused; null where nothing was tried. */
  groupId: string | null;
  /** Why it was refused, a problem's code; or why the money came back, such as `REVERTED`. */
  code: string | null;
  detail: string | null;
}

/** Money for a wallet, or for a destination outside. */
export interface PayoutLineInput {
  wallet?: string | null | undefined;
  amount: Amount;
  reference?: string | null | undefined;
  destination?: string | null | undefined;
  /** What is wrong with the destination, by whoever knows the chain; the list is refused then. */
  fault?: string | null | undefined;
  /** Left out: the platform pays the network. */
  feeMode?: 'platform' | 'customer' | undefined;
  maxFee?: Amount | null | undefined;
}

/** What opens a run. */
export interface OpenPayoutRunInput {
  runId: string;
  stepKey: string;
  actor: Actor;
  client: string;
  wallet: string;
  lines: PayoutLineInput[];
  /** Of each withdrawal, in seconds from its hold on. */
  expiresIn?: number | null;
  reference: string | null;
  metadata: Metadata;
}

/** What ends a run early. */
export interface CancelPayoutRunInput {
  runId: string;
  stepKey: string;
  actor: Actor;
  reason: string;
  /** False for signals: a refusal is told, not stored. */
  freeze?: boolean;
}

/** What a step of a run answered; as a group's step does. */
export type PayoutOutcome =
  | { outcome: 'done'; replayed: boolean; run: PayoutRun }
  | { outcome: 'refused'; replayed: boolean; frozen: boolean; refusal: Refusal }
  | { outcome: 'key_reused'; stored: unknown; asked: unknown }
  | { outcome: 'not_found' };

/** The same with what became of its saga: `begun` is false where Temporal did not say so yet. */
export type OpenedPayoutRun =
  | (PayoutOutcome & { begun: boolean })
  | Extract<NoOutcome, { outcome: 'unavailable' }>;

/** Input of the saga. The lines stay in the ledger: 10,000 of them fit no payload. */
export interface PayoutRunInput {
  runId: string;
}

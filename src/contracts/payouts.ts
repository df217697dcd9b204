/** Payout runs: long lists of payments out of one wallet, as ledger, sagas and API know them. */
import type { ProblemCode } from './codes.ts';
import type { Amount, Metadata, Timestamp } from './resources.ts';
import type { NoOutcome } from './sagas.ts';
import type { Actor, Refusal } from './steps.ts';

/** A desk's list in one request; ten times as many would not fit a statement's ten seconds. */
export const MAX_PAYOUT_LINES = 10_000;

/** `CANCELLED`: ended before all lines were paid or refused. */
export const PAYOUT_RUN_STATUSES = ['RUNNING', 'DONE', 'CANCELLED'] as const;
export type PayoutRunStatus = (typeof PAYOUT_RUN_STATUSES)[number];

/** `waiting`: not paid so far, or being paid now. `cancelled`: will never be. */
export const PAYOUT_LINE_STATUSES = ['waiting', 'settled', 'refused', 'cancelled'] as const;
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
  createdAt: Timestamp;
  finishedAt: Timestamp | null;
}

/** A line as it stands (`payout_line_json`). */
export interface PayoutLine {
  /** From 1, in the order of the request. */
  line: number;
  wallet: string;
  amount: Amount;
  reference: string | null;
  status: PayoutLineStatus;
  /** The transfer that paid it, or that was refused; null where nothing was tried. */
  groupId: string | null;
  /** Why it was refused, for ever. */
  code: ProblemCode | null;
  detail: string | null;
}

export interface PayoutLineInput {
  wallet: string;
  amount: Amount;
  reference?: string | null | undefined;
}

/** What opens a run. */
export interface OpenPayoutRunInput {
  runId: string;
  stepKey: string;
  actor: Actor;
  client: string;
  wallet: string;
  lines: PayoutLineInput[];
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

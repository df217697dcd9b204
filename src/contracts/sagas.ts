/**
 * The words between the API, the workflows and the operators: workflow types, their inputs,
 * updates, signals, queries, search attributes. Safe in workflows: imports types alone.
 */
import type { BatchInput } from './batches.ts';
import type { ProblemCode } from './codes.ts';
import type { OpenedPayoutRun, OpenPayoutRunInput } from './payouts.ts';
import type { Amount, GroupKind, Timestamp } from './resources.ts';
import type {
  AddLegsInput,
  CaptureInput,
  ExtendInput,
  GiveBackInput,
  OpenDepositInput,
  OpenTransferInput,
  OpenWithdrawalInput,
  ReleaseWithdrawalInput,
  ReplaceAttemptInput,
  ReverseInput,
  SettleInput,
  StepOutcome,
} from './steps.ts';

/**
 * One task queue for all sagas; chain work has its own, so that a slow node starves no transfer.
 */
export const SAGA_TASK_QUEUE = 'holdfast';
export const CHAIN_TASK_QUEUE = 'holdfast-chain';

/**
 * So long a payment that a custodian failed for good is asked about after it was given back: a
 * weekend and a day.
 */
export const CUSTODY_WATCH_MS = 3 * 86_400_000;

/**
 * Workflow types, one per file of `workflows/`. The type of a group follows from kind and chain.
 */
export const WORKFLOW = {
  transfer: 'transfer',
  reversal: 'reversal',
  deposit: 'deposit',
  withdrawal: 'withdrawal',
  chainDeposit: 'chainDeposit',
  chainWithdrawal: 'chainWithdrawal',
  custodialWithdrawal: 'custodialWithdrawal',
  chainReversal: 'chainReversal',
  collection: 'collection',
  batch: 'batch',
  payoutRun: 'payoutRun',
  repair: 'repair',
  reconcile: 'reconcile',
  spendNonce: 'spendNonce',
} as const;
export type WorkflowType = (typeof WORKFLOW)[keyof typeof WORKFLOW];

/** The schedule that compares the books with the chain; its pauses are noted as made by it. */
export const RECONCILE_SCHEDULE_ID = 'holdfast-reconcile';

/** The workflow type that drives a group. */
export function workflowTypeOf(kind: GroupKind, chainBound: boolean): WorkflowType {
  switch (kind) {
    case 'deposit':
      return chainBound ? WORKFLOW.chainDeposit : WORKFLOW.deposit;
    case 'withdrawal':
      return chainBound ? WORKFLOW.chainWithdrawal : WORKFLOW.withdrawal;
    case 'reversal':
      return chainBound ? WORKFLOW.chainReversal : WORKFLOW.reversal;
    case 'collection':
      return WORKFLOW.collection;
    case 'batch':
      return WORKFLOW.batch;
    default:
      return WORKFLOW.transfer;
  }
}

/**
 * Input of the chain deposit saga: one inclusion of one event. Amount and wallet are read from the
 * inclusion's row by the ledger function, never from here.
 */
export interface ChainDepositInput {
  groupId: string;
  inclusionId: string;
}

/**
 * Input of the saga that takes a credit back: the inclusion that was credited and is no longer in
 * the chain. `groupId` is the reversal's.
 */
export type ChainReversalInput = ChainDepositInput;

/**
 * Input of the saga that moves coins between two addresses of ours, for people to read: what is
 * paid stands in the group that the ledger opened.
 */
export interface CollectionInput {
  groupId: string;
  /** `top_up`: native coins to a deposit address, so that it can send its tokens. */
  purpose: 'collect' | 'top_up';
  asset: string;
  amount: Amount;
  from: string;
  to: string;
  /** Most that an attempt may cost, in the native coin. */
  maxFee: Amount;
}

/** Inputs by workflow type. The sweeper starts a saga again with the same one. */
export interface SagaInputs {
  transfer: OpenTransferInput;
  reversal: ReverseInput;
  deposit: OpenDepositInput;
  withdrawal: OpenWithdrawalInput;
  chainDeposit: ChainDepositInput;
  chainWithdrawal: OpenWithdrawalInput;
  custodialWithdrawal: OpenWithdrawalInput;
  chainReversal: ChainReversalInput;
  collection: CollectionInput;
  batch: BatchInput;
}
export type SagaType = keyof SagaInputs;

/** The kind of the group that a saga drives. */
export const KIND_OF_SAGA = {
  transfer: 'transfer',
  reversal: 'reversal',
  deposit: 'deposit',
  withdrawal: 'withdrawal',
  chainDeposit: 'deposit',
  chainWithdrawal: 'withdrawal',
  custodialWithdrawal: 'withdrawal',
  chainReversal: 'reversal',
  collection: 'collection',
  batch: 'batch',
} as const satisfies Record<SagaType, GroupKind>;

/**
 * Updates: acts of people and services, each decided and stored by the ledger function. The name of
 * an update alone says which function that is, so the acts of deposits and withdrawals have names
 * of their own: `cancel` and `release` are those of `/v1/transfers/{id}` and refuse other kinds.
 */
export interface SagaUpdates {
  addLegs: AddLegsInput;
  settle: SettleInput;
  release: GiveBackInput;
  cancel: GiveBackInput;
  extend: ExtendInput;
  /** `/v1/deposits/{id}/confirm` */
  confirm: CaptureInput;
  /** `/v1/deposits/{id}/cancel` */
  cancelDeposit: GiveBackInput;
  /** `/v1/withdrawals/{id}/finalize` */
  finalize: CaptureInput;
  /** `/v1/withdrawals/{id}/release` */
  releaseWithdrawal: ReleaseWithdrawalInput;
  /** `/v1/withdrawals/{id}/speed-up` */
  speedUp: ReplaceAttemptInput;
  /** `/v1/withdrawals/{id}/cancel-on-chain` */
  cancelOnChain: ReplaceAttemptInput;
}
export type SagaUpdate = keyof SagaUpdates;

/**
 * Answer of an update. Temporal gives one answer to all who send the same update id; `caller` is
 * the second argument of the update that ran, so that one of them knows that it was its own.
 */
export type UpdateAnswer = StepOutcome & { caller?: string };

/** The ledger function that decides an update. */
export const STEP_OF_UPDATE = {
  addLegs: 'addLegs',
  settle: 'settle',
  release: 'release',
  cancel: 'cancel',
  extend: 'extend',
  confirm: 'confirmDeposit',
  cancelDeposit: 'cancelDeposit',
  finalize: 'finalizeWithdrawal',
  releaseWithdrawal: 'releaseWithdrawal',
  speedUp: 'speedUp',
  cancelOnChain: 'cancelOnChain',
} as const satisfies Record<SagaUpdate, string>;

/** The ledger function that is a saga's first step; a chain deposit's first step is the chain's. */
export const FIRST_STEP = {
  transfer: 'openTransfer',
  reversal: 'reverse',
  deposit: 'openDeposit',
  withdrawal: 'openWithdrawal',
  chainWithdrawal: 'openWithdrawal',
  custodialWithdrawal: 'openWithdrawal',
} as const satisfies Partial<Record<SagaType, string>>;

/**
 * Signals. `settle`, `release`, `cancel` are the buttons of the Temporal UI: whole group,
 * idempotent by its status. The chain's are hints that wake a saga; what is true is read again.
 */
export const SIGNAL = {
  settle: 'settle',
  release: 'release',
  cancel: 'cancel',
  /** An inclusion reached its threshold, was orphaned, or a withdrawal's attempt changed. */
  chainChanged: 'chainChanged',
  /** Another's step changed this group, or this payout run. A hint too. */
  ledgerChanged: 'ledgerChanged',
  /** A withdrawal was approved or rejected: a hint too. */
  policyChanged: 'policyChanged',
} as const;

/** What a saga can be told that somebody decided in the ledger. */
export type SagaHint = typeof SIGNAL.ledgerChanged | typeof SIGNAL.policyChanged;

/** What a person may type into the Signal dialog: a reason, as text or as an object. */
export type SignalReason = string | { reason?: string } | undefined;

/**
 * Search attributes registered on the namespace, in the shape of the SDK's `SearchAttributeKey`.
 * Wallet and asset are lists, since a group has several legs: `HoldfastWallet = "w1"` finds every
 * group with a leg of w1. Kinds and statuses are the words of the resources.
 */
export const SEARCH_ATTRIBUTE = {
  status: { name: 'HoldfastStatus', type: 'KEYWORD' },
  kind: { name: 'HoldfastKind', type: 'KEYWORD' },
  asset: { name: 'HoldfastAsset', type: 'KEYWORD_LIST' },
  wallet: { name: 'HoldfastWallet', type: 'KEYWORD_LIST' },
  /** Of the first leg: what an operator was told on the phone, not a sum. */
  amount: { name: 'HoldfastAmount', type: 'KEYWORD' },
} as const;

/** Why no outcome can be told yet, or ever. */
export type NoOutcome =
  | { outcome: 'pending' }
  | { outcome: 'unavailable'; code: ProblemCode; detail: string; retryAfterSeconds: number };

/**
 * A saga that was accepted and is running, as Temporal knows it. `input` is what `start` was given;
 * the gateway reads it from the workflow's memo or from its first event.
 */
export type RunningSaga = {
  [T in SagaType]: { type: T; input: SagaInputs[T]; startedAt: Timestamp };
}[SagaType];

/**
 * The API's door to the sagas; `src/temporal/gateway.ts` implements it on a Temporal client whose
 * connection it shares with a worker.
 */
export interface SagaGateway {
  /**
   * Starts the saga of a group (`REJECT_DUPLICATE`, the running one is used) and waits for the
   * outcome of its first step: from the local worker's promise, else by polling the op row.
   * The caller has looked at the op row before.
   *
   * @param waitMs how long to wait for the outcome; then `pending`
   * @param assets of all its wallets, where the caller knows them: the saga is found by them at
   *   once, and need not tell them itself after its first step
   */
  start<T extends SagaType>(
    type: T,
    input: SagaInputs[T],
    waitMs: number,
    assets?: string[],
  ): Promise<StepOutcome | NoOutcome>;

  /**
   * Sends an act to the running saga as an update with id = step key and waits for its outcome.
   * Workflow gone and group open: repairs it and tries again. Group finished: asks the ledger
   * function itself, which replays or refuses with GROUP_NOT_OPEN.
   */
  act<U extends SagaUpdate>(
    update: U,
    input: SagaUpdates[U],
    waitMs: number,
  ): Promise<StepOutcome | NoOutcome>;

  /**
   * Opens a payout run in the ledger and starts its saga; under a key that was used before, answers
   * as before, and brings back the saga of a run that has not ended.
   */
  openPayoutRun(input: OpenPayoutRunInput, waitMs: number): Promise<OpenedPayoutRun>;

  /**
   * The running saga of that id, or null: none runs. The API calls it for a GET of a group that
   * has no row yet, so that a 202's `Location` answers in every process. Throws when the server
   * does not answer. Optional while a gateway cannot tell: such a GET is then a 404.
   */
  describe?(groupId: string): Promise<RunningSaga | null>;

  /**
   * Tells a saga that the ledger has news, on an approval where nothing else is said, or brings a
   * group's saga back. Never throws: the news is stored, and the saga looks by itself later.
   */
  wake(id: string, hint?: SagaHint): Promise<void>;

  /** True when the server answers. */
  ready(): Promise<boolean>;

  /** Link to the workflow in the Temporal UI, or null where no UI is known. */
  uiLink(groupId: string): string | null;
}

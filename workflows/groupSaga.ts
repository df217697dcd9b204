/**
 * The saga of one transfer group: what every kind shares. The ledger decides everything; a saga
 * keeps the ledger's last word, waits, and tells people what it waits for.
 */
import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
  isCancellation,
  setCurrentDetails,
  TemporalFailure,
} from '@temporalio/workflow';
import type { Group, GroupStatus, Timestamp } from '../src/contracts/resources.ts';
import type { Refusal, StepOutcome } from '../src/contracts/steps.ts';
import { type Guidance, renderDetails, type ToldRefusal } from './details.ts';
import { ledger } from './ledgerSteps.ts';
import { type Compensate, withCompensation } from './saga.ts';
import { markClosed, markOpened } from './searchAttributes.ts';

/** What a workflow returns: the end of the group, or why it never began. */
export interface SagaResult {
  groupId: string;
  status: GroupStatus | null;
  reason: string | null;
  refusal: Refusal | null;
  /**
   * False where the first step's refusal was told and not stored, so that its key is still free.
   */
  stored: boolean;
}

export class GroupSaga {
  readonly groupId: string;
  /** The ledger's last word; null before the first step answered and where it wrote no group. */
  group: Group | null = null;
  status: GroupStatus | null = null;
  /** True once the first step has answered; acts that came before wait for it. */
  opened = false;
  /** Someone asked Temporal to cancel the workflow; the saga decides what that means. */
  cancelAsked = false;
  lastRefusal: ToldRefusal | null = null;
  /** How many answers came in; a saga that looks by itself sees from it that somebody acted. */
  answers = 0;
  private openRefusal: Refusal | null = null;
  private stored = true;
  /** The first step answered with somebody else's group or request: nothing here to drive. */
  private foreign = false;
  /** The ledger does not know the group that it opened: an old database was restored. */
  private forgotten = false;
  private readonly explain: (saga: GroupSaga) => Guidance;

  /** @param explain what happens next and what a person can do, for the current state */
  constructor(groupId: string, explain: (saga: GroupSaga) => Guidance) {
    this.groupId = groupId;
    this.explain = explain;
    this.tell();
  }

  /** The group is in progress and this saga drives it. */
  isOpen(): boolean {
    return this.opened && !this.foreign && !this.forgotten && this.status === 'IN_PROGRESS';
  }

  get deadline(): Timestamp | null {
    return this.group?.expiresAt ?? null;
  }

  guidance(): Guidance {
    return this.explain(this);
  }

  /**
   * Runs the first step. A step that ran before (the sweeper started this run) answers as it did
   * then, so the group is read as it stands today.
   */
  async open(firstStep: () => Promise<StepOutcome>): Promise<void> {
    const outcome = await firstStep();
    this.foreign =
      outcome.outcome === 'key_reused' ||
      (outcome.outcome === 'done' && outcome.group.id !== this.groupId);
    if (outcome.outcome === 'refused') {
      this.openRefusal = outcome.refusal;
      this.stored = outcome.frozen;
    }
    if (outcome.outcome === 'done' && outcome.replayed && !this.foreign) {
      this.learnGroup(await ledger.readGroup(this.groupId));
    } else {
      this.learn(outcome, 'open', 'saga');
    }
    this.opened = true;
    if (this.isOpen()) markOpened(this.group);
    this.tell();
  }

  /**
   * Takes over what a step answered. Steps of one group may run side by side and answer in any
   * order, so a finished group stays finished here too.
   */
  learn(outcome: StepOutcome, act: string, by: string): StepOutcome {
    this.answers += 1;
    if (outcome.outcome === 'refused') {
      // Workflow time, which is read from the history.
      const at = new Date().toISOString();
      this.lastRefusal = { act, by, at, refusal: outcome.refusal };
    }
    if ('group' in outcome && outcome.group !== null) this.learnGroup(outcome.group);
    if ('groupStatus' in outcome && !this.isFinished()) this.status = outcome.groupStatus;
    if (outcome.outcome === 'not_found') this.noteAbsence();
    if (outcome.outcome === 'not_due' && this.group) {
      this.group = { ...this.group, expiresAt: outcome.expiresAt };
    }
    this.tell();
    return outcome;
  }

  /** Reads the group once more: somebody else's step may have ended it. */
  readAgain(): Promise<void> {
    return CancellationScope.nonCancellable(async () => {
      await condition(() => this.opened);
      const group = await ledger.readGroup(this.groupId);
      if (group === null) this.noteAbsence();
      this.learnGroup(group);
      this.tell();
    });
  }

  /**
   * Waits until the group is finished, its deadline moved or came, cancelling was asked for, or
   * `wake` says so. The caller looks at the state again: why a wait ended proves nothing.
   *
   * @param timer how long to wait at most, and its words in the history; null: without end
   */
  async waitForChange(
    timer: { ms: number; summary: string } | null,
    wake: () => boolean = () => false,
  ): Promise<void> {
    const before = this.deadline;
    const changed = () => !this.isOpen() || this.cancelAsked || this.deadline !== before || wake();
    if (timer === null) await condition(changed);
    else await condition(changed, timer.ms, { summary: timer.summary });
  }

  /**
   * The life of a saga: `body`, then the handlers that still run, then the result. Runs where a
   * cancellation of the workflow does not reach: it is a wish, shown as `cancelAsked`, and no
   * step is ever cut off between its effect and its record.
   */
  run(body: (compensate: Compensate) => Promise<void>): Promise<SagaResult> {
    CancellationScope.current().cancelRequested.catch(() => {
      this.cancelAsked = true;
      this.tell();
    });
    return CancellationScope.nonCancellable(() => this.live(body));
  }

  private async live(body: (compensate: Compensate) => Promise<void>): Promise<SagaResult> {
    try {
      await withCompensation(body);
    } catch (error) {
      if (!(error instanceof TemporalFailure)) throw error;
      // The ledger gave nothing back, such as of what a batch took meanwhile: the saga goes on.
      if (isCancellation(error) && this.isOpen()) {
        this.cancelAsked = false;
        return this.live(body);
      }
      const result = await this.close();
      // Someone else finished the group before it could be given back: that is its end then.
      if (isCancellation(error) && result.status !== 'CANCELLED') return result;
      throw error;
    }
    if (this.forgotten) return this.fail();
    return this.close();
  }

  /**
   * Ends the saga by compensation when someone asked for it and there is something to give back.
   */
  throwIfCancelled(): void {
    if (this.cancelAsked && this.isOpen()) {
      throw new CancelledFailure('The workflow was cancelled; what the group held was given back.');
    }
  }

  /** A group that this saga drives is not in the ledger. */
  private noteAbsence(): void {
    if (this.isOpen()) this.forgotten = true;
  }

  /** Nothing is given back: what happened since the backup is for a person to find out. */
  private async fail(): Promise<never> {
    await condition(allHandlersFinished);
    throw ApplicationFailure.nonRetryable(
      `The ledger no longer knows ${this.groupId}. Was an old database restored?`,
      'LEDGER_BEHIND_TEMPORAL',
    );
  }

  private async close(): Promise<SagaResult> {
    await condition(allHandlersFinished);
    if (!this.foreign) markClosed(this.group, this.status);
    return {
      groupId: this.group?.id ?? this.groupId,
      status: this.status,
      reason: this.group?.reason ?? null,
      refusal: this.openRefusal,
      stored: this.stored,
    };
  }

  private isFinished(): boolean {
    return this.status !== null && this.status !== 'IN_PROGRESS';
  }

  private learnGroup(group: Group | null): void {
    if (group === null || (this.isFinished() && group.status === 'IN_PROGRESS')) return;
    this.group = group;
    this.status = group.status;
  }

  /**
   * Brings the current details up to date; they cost nothing, the UI asks for them when it shows.
   */
  private tell(): void {
    setCurrentDetails(renderDetails(this, this.explain(this)));
  }
}

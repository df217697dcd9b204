import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  condition,
  continueAsNew,
  currentUpdateInfo,
  defineQuery,
  defineSignal,
  defineUpdate,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { createPayoutActivities } from '../activities/payoutActivities.ts';
import type { PayoutOutcome, PayoutRun, PayoutRunInput } from '../src/contracts/payouts.ts';
import { SEARCH_ATTRIBUTE, SIGNAL, type SignalReason } from '../src/contracts/sagas.ts';
import type { Refusal } from '../src/contracts/steps.ts';
import { MAX_REASON_LENGTH } from '../src/contracts/texts.ts';
import { checkText, saidReason, strangeOf, TEMPORAL_UI } from './actInputs.ts';
import { LEDGER_STEP } from './ledgerSteps.ts';
import { nextOf, type PayoutView, peopleOf, renderPayout } from './payoutDetails.ts';
import { sentenceFor, throwRefusal } from './personAnswers.ts';

/**
 * Lines of one activity: at most a second or two of work, so that the page of the workflow moves as
 * often, and a run of 10,000 lines is ten activities and some fifty events.
 */
const LINES_OF_ACTIVITY = 1_000;

type Payouts = ReturnType<typeof createPayoutActivities>;

/**
 * A worker that was killed is replaced within the heartbeat's time: some fifty times as long as one
 * lot of lines takes. Of one that is only slow, two pay the same lines, which does no harm.
 */
const work = proxyActivities<Payouts>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '5 seconds',
  retry: LEDGER_STEP.retry,
});

/** One round trip each, as of the ledger's steps. */
const ledger = proxyLocalActivities<Payouts>(LEDGER_STEP);

/** Answer of the `status` query. */
export interface PayoutStatus {
  run: PayoutRun | null;
  linesPerSecond: number | null;
  next: string;
  people: string[];
}

/** First and longest pause between two looks at withdrawals that are under way, in milliseconds. */
const FIRST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 30_000;

const statusQuery = defineQuery<PayoutStatus>('status');
const ledgerSignal = defineSignal(SIGNAL.ledgerChanged);
const cancelSignal = defineSignal<[SignalReason]>(SIGNAL.cancel);
const cancelUpdate = defineUpdate<PayoutRun, [{ reason: string }]>('cancel');

/**
 * A payout run: pays its lines part by part until the ledger says that none is left, then looks
 * from time to time until the withdrawals among them have ended. The lines and
 * how far they are stand in the ledger alone, so that a run which begins anew (another worker, the
 * sweeper) goes on where the last one was, and a cancellation that was decided there ends it here.
 */
export function payoutRun(input: PayoutRunInput): Promise<PayoutRun> {
  const saga = new PayoutSaga(input);
  saga.handleActs();
  CancellationScope.current().cancelRequested.catch(() => {
    saga.cancelAsked = true;
  });
  // A cancellation of the workflow is a wish: it never cuts a part off between effect and record.
  return CancellationScope.nonCancellable(() => saga.drive());
}

class PayoutSaga implements PayoutView {
  readonly runId: string;
  run: PayoutRun | null = null;
  linesPerSecond: number | null = null;
  cancelAsked = false;
  lastRefusal: Refusal | null = null;
  /** Somebody said that the ledger has news. */
  private hinted = false;
  private lookMs = FIRST_LOOK_MS;
  /** Withdrawals that were given back and whose sagas know it. */
  private told = 0;

  constructor({ runId }: PayoutRunInput) {
    this.runId = runId;
    this.tell();
  }

  /** Registers all handlers; called before the first await. */
  handleActs(): void {
    setHandler(
      cancelSignal,
      async (said) => {
        await this.cancel('~signal:cancel', saidReason(said) ?? 'cancel by signal', false);
      },
      { description: 'Pays nothing more; what is paid stays. Input: a reason in quotes.' },
    );
    setHandler(
      ledgerSignal,
      () => {
        this.hinted = true;
      },
      { description: 'Look at the withdrawals again. Carries nothing; harmless at any time.' },
    );
    setHandler(
      cancelUpdate,
      async ({ reason }) =>
        runOf(await this.cancel(`~update:${currentUpdateInfo()?.id}`, reason, true)),
      {
        description: 'Pays nothing more; what is paid stays: {"reason": "…"}.',
        validator: (typed) => {
          checkText('In {"reason": "…"} the reason', typed?.reason, MAX_REASON_LENGTH);
          const strange = strangeOf(typed, ['reason']);
          if (strange === undefined) return;
          const detail = `"${strange}" is no field of cancel. Its input is {"reason": "…"}.`;
          throw sentenceFor(detail, 'INVALID_REQUEST');
        },
      },
    );
    setHandler(
      statusQuery,
      () => ({
        run: this.run,
        linesPerSecond: this.linesPerSecond,
        next: nextOf(this),
        people: peopleOf(this),
      }),
      { description: 'How many lines are paid, refused and left, and what comes next.' },
    );
  }

  async drive(): Promise<PayoutRun> {
    const summary = 'Read how far the run is';
    let run = this.learn(await ledger.readPayoutRun.executeWithOptions({ summary }, [this.runId]));
    while (isOpen(run)) {
      if (this.isCancelDue(run)) {
        await this.cancel('~cancelled', 'The workflow was cancelled', false);
      }
      this.hinted = false;
      const before = run;
      run = await this.payPart(run);
      await this.tellGivenBack();
      // A new run would not know that somebody wants this one cancelled.
      const isFull = workflowInfo().continueAsNewSuggested && !this.isCancelDue(run);
      if (isOpen(run) && isFull) {
        await condition(allHandlersFinished);
        await continueAsNew<typeof payoutRun>({ runId: this.runId });
      }
      if (isOpen(run) && isWaiting(before, run)) run = await this.pause(before, run);
    }
    // Somebody may have ended it meanwhile.
    await this.tellGivenBack();
    upsertSearchAttributes([{ key: SEARCH_ATTRIBUTE.status, value: run.status }]);
    await condition(allHandlersFinished);
    return run;
  }

  private isCancelDue({ status }: PayoutRun): boolean {
    return this.cancelAsked && status === 'RUNNING';
  }

  /** One part; of a run that was cancelled it only learns so. */
  private async payPart(before: PayoutRun): Promise<PayoutRun> {
    const { waiting, held, total } = before.lines;
    const first = begunOf(before) + 1;
    const last = Math.min(first + LINES_OF_ACTIVITY - 1, total);
    const summary =
      waiting > 0
        ? `Pay lines ${first} to ${last} of ${total}`
        : `Look how far the withdrawals are: ${held} are held`;
    // Workflow time, which is read from the history.
    const startedAt = Date.now();
    const args: [string, number] = [this.runId, LINES_OF_ACTIVITY];
    const run = await work.payPayoutLines.executeWithOptions({ summary }, args);
    const seconds = (Date.now() - startedAt) / 1000;
    const done = run === null ? 0 : begunOf(run) - first + 1;
    if (waiting > 0) this.linesPerSecond = seconds > 0 ? Math.round(done / seconds) : null;
    return this.learn(run);
  }

  /** Until it is time for the next look, or somebody acted. Answers the run as it is known then. */
  private async pause(before: PayoutRun, run: PayoutRun): Promise<PayoutRun> {
    if (hasMoved(before, run)) this.lookMs = FIRST_LOOK_MS;
    const isOver = () => this.hinted || this.run !== run || this.isCancelDue(run);
    const summary = 'Next look at the withdrawals';
    const woken = await condition(isOver, this.lookMs, { summary });
    if (!woken) this.lookMs = Math.min(this.lookMs * 2, LONGEST_LOOK_MS);
    return this.run ?? run;
  }

  /** A withdrawal that a cancellation gave back has a saga, which does not know it. */
  private async tellGivenBack(): Promise<void> {
    const { run } = this;
    const isCancelled = run?.status === 'CANCELLING' || run?.status === 'CANCELLED';
    const { released = 0 } = run?.lines ?? {};
    if (!isCancelled || released <= this.told) return;
    this.told = released;
    const summary = 'Tell the sagas of what was given back';
    await work.tellGivenBack.executeWithOptions({ summary }, [this.runId]);
  }

  /** Decided in the ledger: of a line that is under way only it knows whether it is paid. */
  private async cancel(stepKey: string, reason: string, freeze: boolean): Promise<PayoutOutcome> {
    const outcome = await ledger.cancelPayoutRun.executeWithOptions({ summary: 'Cancel the run' }, [
      { runId: this.runId, stepKey, actor: TEMPORAL_UI, reason, freeze },
    ]);
    if (outcome.outcome === 'done') this.learn(outcome.run);
    if (outcome.outcome === 'refused') this.lastRefusal = outcome.refusal;
    this.tell();
    return outcome;
  }

  /** A run that has ended stays so, whatever an answer from before its end says. */
  private learn(run: PayoutRun | null): PayoutRun {
    if (run === null) {
      throw ApplicationFailure.nonRetryable(
        `The ledger does not know ${this.runId}. Was an old database restored?`,
        'LEDGER_BEHIND_TEMPORAL',
      );
    }
    const known = this.run;
    const isStale = known?.status === 'CANCELLING' && run.status === 'RUNNING';
    if (known === null || (isOpen(known) && !isStale)) this.run = run;
    this.tell();
    return this.run ?? run;
  }

  /** Costs nothing: the UI asks for it when it shows. */
  private tell(): void {
    setCurrentDetails(renderPayout(this));
  }
}

/** Not all of its lines have ended. */
function isOpen({ finishedAt }: PayoutRun): boolean {
  return finishedAt === null;
}

/** Lines that were paid, refused, or left to a saga of their own. */
function begunOf({ lines }: PayoutRun): number {
  // Runs of before there were withdrawals tell neither.
  const { held = 0, released = 0 } = lines;
  return lines.settled + lines.refused + held + released;
}

/** Nothing of it could be begun: what is left waits for withdrawals that are under way. */
function isWaiting(before: PayoutRun, { lines }: PayoutRun): boolean {
  return (lines.held ?? 0) > 0 && lines.waiting === before.lines.waiting;
}

/** Some withdrawal went on between the two looks. */
function hasMoved(before: PayoutRun, now: PayoutRun): boolean {
  const seen = ({ lines, withdrawals }: PayoutRun) => JSON.stringify([lines, withdrawals]);
  return seen(before) !== seen(now);
}

/** The run, when it is good news; a person reads sentences and no outcomes. */
function runOf(outcome: PayoutOutcome): PayoutRun {
  throwRefusal(outcome);
  if (outcome.outcome === 'done') return outcome.run;
  throw sentenceFor('The ledger has no payout run of this id.', 'NOT_FOUND');
}

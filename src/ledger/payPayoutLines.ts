/**
 * Paying the lines of a run, many at a time: each is an immediate transfer as any other, or a
 * withdrawal as any other, which is held here and then left to its own saga.
 */
import type { PayoutRun } from '../contracts/payouts.ts';
import type { StepOutcome } from '../contracts/steps.ts';
import { Crowd, LineOrder } from './crowd.ts';
import { openTransfer } from './openTransfer.ts';
import { openWithdrawal } from './openWithdrawal.ts';
import {
  advancePayoutRun,
  type PayoutAdvance,
  type PayoutLineDue,
  type PayoutOut,
} from './payoutRuns.ts';
import type { StepDb } from './stepQueue.ts';

/**
 * Lines that are out at a time. The step queue puts up to 64 of one payer into a transaction; the
 * next ones wait meanwhile, and as many again are out while outcomes are written down. A
 * cancellation closes as many groups in one transaction, and a crash leaves as many lines of which
 * nobody knows at once whether they are paid.
 */
const LINES_OUT = 256;
/** With so many left under way the next ones are fetched, so that the queue never runs dry. */
const FEW_LEFT = LINES_OUT / 2;

/** What paying lines needs beside the ledger. */
export interface PayoutHands {
  /** Told after each lot, and after each withdrawal, with the run as it was then. */
  onProgress: (run: PayoutRun) => void;
  /**
   * Starts the saga of a withdrawal that is held; one that runs already, or has run, is left alone.
   *
   * @throws where Temporal does not answer; the line is handed out again
   */
  begin: (groupId: string, asset: string) => Promise<void>;
  /** Runs a start when it is its turn. */
  inTurn: (work: () => Promise<void>) => Promise<void>;
}

/**
 * Pays some `most` lines of a run and writes down what became of each; a line that cannot be paid
 * is refused by itself and the rest goes on. May run any number of times and at many places: a line
 * that was paid answers so again.
 *
 * @param db with a queue of steps, so that lines share transactions
 * @returns the run as it is at the end; null where there is none of that id
 * @throws where the database or Temporal is away; the lines that are out are handed out again
 */
export async function payPayoutLines(
  db: StepDb,
  runId: string,
  most: number,
  hands: PayoutHands,
): Promise<PayoutRun | null> {
  const crowd = new Crowd();
  const begun: number[] = [];
  const order = new LineOrder();
  let left = most;
  for (;;) {
    // Asked before: what is paid while the ledger looks is not written down by that look.
    const isIdle = crowd.size === 0;
    const mostOut = Math.min(crowd.size + left, LINES_OUT);
    const advance = await advancePayoutRun(db, runId, mostOut, begun.splice(0));
    if (advance === null) return null;
    const { run, gaveBack } = advance;
    hands.onProgress(run);
    // One that was paid a moment ago may be listed still.
    const due = advance.lines.filter(({ line }) => !crowd.hasSeen(line));
    if (run.finishedAt !== null || (due.length === 0 && gaveBack === 0 && isIdle)) return run;
    left = Math.max(left - due.length, 0);
    for (const line of due) {
      const { out, wallet } = line;
      const withdraw = async (terms: PayoutOut) => {
        const outcome = await order.hold(async () =>
          crowd.hasFailed ? null : await holdLine(db, advance, line, terms),
        );
        // What is refused needs no saga, and what is held is found again by whoever comes next.
        if (outcome?.outcome === 'done') {
          const begin = () => hands.begin(line.groupId, run.asset);
          await hands.inTurn(async () => (crowd.hasFailed ? undefined : await begin()));
          begun.push(line.line);
        }
        hands.onProgress(run);
      };
      const pay = () => payLine(db, advance, line, wallet ?? '');
      crowd.add(line.line, out ? withdraw(out) : order.pay(pay));
    }
    const hasMore = left > 0 && due.length > 0;
    await crowd.untilAtMost(hasMore ? FEW_LEFT : 0);
  }
}

async function payLine(
  db: StepDb,
  { run, stepKey, client, admin }: PayoutAdvance,
  { line, groupId, amount, reference }: PayoutLineDue,
  wallet: string,
): Promise<void> {
  const outcome = await openTransfer(db, {
    groupId,
    stepKey,
    actor: { name: client, admin },
    client,
    legs: [
      { wallet: run.wallet, type: 'DEBIT', amount },
      { wallet, type: 'CREDIT', amount },
    ],
    settle: 'immediate',
    expiresIn: null,
    reference,
    metadata: { payoutRun: run.id, line },
    acceptBy: null,
  });
  expectStored(outcome, run, line);
}

async function holdLine(
  db: StepDb,
  { run, stepKey, client, admin }: PayoutAdvance,
  { line, groupId, amount, reference }: PayoutLineDue,
  terms: PayoutOut,
): Promise<StepOutcome> {
  const outcome = await openWithdrawal(db, {
    groupId,
    stepKey,
    actor: { name: client, admin },
    client,
    wallet: run.wallet,
    amount,
    ...terms,
    riskMeta: null,
    reference,
    metadata: { payoutRun: run.id, line },
    acceptBy: null,
  });
  expectStored(outcome, run, line);
  return outcome;
}

/** The list was checked as a whole before, so any other answer is a bug. */
function expectStored(outcome: StepOutcome, run: PayoutRun, line: number): void {
  if (outcome.outcome === 'done' || (outcome.outcome === 'refused' && outcome.frozen)) return;
  const why = outcome.outcome === 'refused' ? outcome.refusal.detail : outcome.outcome;
  throw new Error(`Line ${line} of ${run.id} has no answer that was stored: ${why}`);
}

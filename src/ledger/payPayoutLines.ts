/** Paying the lines of a run: many at a time, each an immediate transfer as any other. */
import type { PayoutRun } from '../contracts/payouts.ts';
import { openTransfer } from './openTransfer.ts';
import { advancePayoutRun, type PayoutAdvance, type PayoutLineDue } from './payoutRuns.ts';
import type { StepDb } from './stepQueue.ts';

/**
 * Lines that are paid side by side: two shared transactions of the step queue, so that one is ready
 * when the other commits. A cancellation closes as many groups in one transaction, and a crash
 * leaves as many lines of which nobody knows at once whether they are paid.
 */
const LINES_AT_ONCE = 128;

/**
 * Pays up to `most` lines of a run and writes down what became of each; a line that cannot be paid
 * is refused by itself and the rest goes on. May run any number of times and at many places: a line
 * that was paid answers so again.
 *
 * @param db with a queue of steps, so that lines share transactions
 * @param onProgress told after each lot, with the run as it is then
 * @returns the run as it is at the end; null where there is none of that id
 * @throws where the database is away; the lines that are out are handed out again
 */
export async function payPayoutLines(
  db: StepDb,
  runId: string,
  most: number,
  onProgress: (run: PayoutRun) => void,
): Promise<PayoutRun | null> {
  let left = most;
  for (;;) {
    const advance = await advancePayoutRun(db, runId, Math.min(left, LINES_AT_ONCE));
    if (advance === null) return null;
    const { run, lines } = advance;
    onProgress(run);
    if (run.status !== 'RUNNING' || left <= 0) return run;
    await Promise.all(lines.map((line) => payLine(db, advance, line)));
    left -= lines.length;
  }
}

async function payLine(
  db: StepDb,
  { run, stepKey, client, admin }: PayoutAdvance,
  { line, groupId, wallet, amount, reference }: PayoutLineDue,
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
  if (outcome.outcome === 'done' || (outcome.outcome === 'refused' && outcome.frozen)) return;
  // The list was checked as a whole before, so such an answer is a bug and nothing to go on from.
  const why = outcome.outcome === 'refused' ? outcome.refusal.detail : outcome.outcome;
  throw new Error(`Line ${line} of ${run.id} has no answer that was stored: ${why}`);
}

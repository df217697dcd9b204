/** Paying the lines of a run: many at a time, each an immediate transfer as any other. */
import type { PayoutRun } from '../contracts/payouts.ts';
import { openTransfer } from './openTransfer.ts';
import { advancePayoutRun, type PayoutAdvance, type PayoutLineDue } from './payoutRuns.ts';
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

/**
 * Pays some `most` lines of a run and writes down what became of each; a line that cannot be paid
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
  const crowd = new Crowd();
  let left = most;
  for (;;) {
    // Asked before: what is paid while the ledger looks is not written down by that look.
    const isIdle = crowd.size === 0;
    const advance = await advancePayoutRun(db, runId, Math.min(crowd.size + left, LINES_OUT));
    if (advance === null) return null;
    const { run } = advance;
    onProgress(run);
    // One that was paid a moment ago may be listed still.
    const due = advance.lines.filter(({ line }) => !crowd.hasSeen(line));
    if (run.status !== 'RUNNING' || (due.length === 0 && isIdle)) return run;
    left = Math.max(left - due.length, 0);
    for (const line of due) crowd.add(line.line, payLine(db, advance, line));
    const hasMore = left > 0 && due.length > 0;
    await crowd.untilAtMost(hasMore ? FEW_LEFT : 0);
  }
}

/** Work that goes on side by side, by the number of its line. */
class Crowd {
  readonly #seen = new Set<number>();
  #size = 0;
  #failure: { error: unknown } | null = null;
  #look = () => {};

  get size(): number {
    return this.#size;
  }

  hasSeen(line: number): boolean {
    return this.#seen.has(line);
  }

  add(line: number, work: Promise<void>): void {
    this.#seen.add(line);
    this.#size += 1;
    work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#size -= 1;
        this.#look();
      });
  }

  /** Waits until at most so many are under way. Throws what the first of them threw, at once. */
  async untilAtMost(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#look = () => {
      if (this.#size <= count || this.#failure) resolve();
    };
    this.#look();
    await promise;
    if (this.#failure) throw this.#failure.error;
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

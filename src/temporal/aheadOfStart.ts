/**
 * The hold of a transfer, written while Temporal is told of its saga, and committed with Temporal's
 * answer. Where that is a refusal, or does not come soon, it is rolled back, and nothing ever was.
 * So who asks alone waits for the longer of the two and not for both. Where others ask as well,
 * their work fills the time, and a step that shares a transaction is cheaper than one ahead.
 */
import type { OpenTransferInput, StepOutcome } from '../contracts/steps.ts';
import { type HeldTransaction, holdTransaction } from '../db/heldTransaction.ts';
import { LARGE_LEGS } from '../ledger/largeSteps.ts';
import { openTransfer } from '../ledger/openTransfer.ts';
import type { StepDb } from '../ledger/stepQueue.ts';
import type { Outcomes } from './outcomes.ts';

/**
 * How long Temporal may take, in milliseconds; who wants the same wallets waits meanwhile. A server
 * nearby answers in three, one in the same region in some twenty.
 */
const PATIENCE_MS = 50;
/** Where it took longer, it likely does again: so long nothing is written ahead, in ms. */
const PAUSE_MS = 1_000;

export interface StartsAhead {
  /** Call it before Temporal is told. */
  begin(input: OpenTransferInput): AheadOfStart;
}

export interface AheadOfStart {
  /**
   * Temporal has the saga: the hold's answer, or that of `otherwise` where none was written, or it
   * was lost. Whichever it is, it is asked for before this returns: what this process does next
   * with the saga's first task takes milliseconds.
   */
  take(otherwise: () => Promise<StepOutcome>): Promise<StepOutcome>;
  /** Always called, and at once where Temporal has no new saga: rolls back what was not taken. */
  drop(): void;
}

/**
 * @param db nothing is ever written ahead where it has no connection for it
 * @param publish tells who waits what a hold answered
 * @param patienceMs how long Temporal may take
 */
export function createStartsAhead(
  db: Pick<StepDb, 'connect'>,
  publish: Outcomes['publish'],
  patienceMs = PATIENCE_MS,
): StartsAhead {
  const connect = db.connect?.bind(db);
  let underWay = 0;
  let pausedUntil = 0;

  function hold(input: OpenTransferInput): HeldTransaction<StepOutcome> | null {
    const isAlone = underWay === 1 && Date.now() >= pausedUntil;
    if (!connect || !isAlone || input.legs.length >= LARGE_LEGS) return null;
    return holdTransaction(connect, (transaction) => openTransfer(transaction, input), patienceMs);
  }

  return {
    begin(input) {
      underWay += 1;
      let isOver = false;
      const held = hold(input);
      return {
        take(otherwise) {
          if (held === null) return otherwise();
          const kept = held.keep().then((outcome) => {
            publish(input, outcome);
            return outcome;
          });
          // One that went wrong is asked for anew: the op row tells what became of it.
          return kept.catch(otherwise);
        },
        drop() {
          if (isOver) return;
          isOver = true;
          underWay -= 1;
          held?.drop();
          if (held?.isLate) pausedUntil = Date.now() + PAUSE_MS;
        },
      };
    },
  };
}

/** Waiting for people and for deadlines. */
import type { Timestamp } from '../src/contracts/resources.ts';
import type { GroupSaga } from './groupSaga.ts';

/** `Date.parse` drops microseconds; one millisecond more and the database agrees that it is time. */
const ROUNDING_MS = 1;
/** First wait when the database says that it is not time yet; doubled from there. */
const EARLY_MS = 1_000;
/** Longest such wait: clocks that differ by more show as a late expiry, never as an early one. */
const MAX_EARLY_MS = 60_000;

/** Who a saga is to the ledger when it acts by itself. */
export const SAGA_ACTOR = { name: 'saga', admin: false };

/**
 * Waits while the group is open. At its deadline `whenDue` asks the ledger, whose clock decides; a
 * deadline that moved is waited for anew. Throws CancelledFailure when the workflow was cancelled.
 *
 * @param isArmed false: this deadline is not, or no longer, waited for
 */
export async function driveToEnd(
  saga: GroupSaga,
  summary: string,
  whenDue: (deadline: Timestamp) => Promise<void>,
  isArmed: () => boolean = () => true,
): Promise<void> {
  let early = 0;
  saga.throwIfCancelled();
  while (saga.isOpen()) {
    const deadline = isArmed() ? saga.deadline : null;
    if (deadline === null) {
      await saga.waitForChange(null);
    } else if (msUntil(deadline) > 0 || early > 0) {
      await saga.waitForChange({ ms: Math.max(msUntil(deadline), early), summary });
    }
    saga.throwIfCancelled();
    if (deadline !== null && saga.isOpen() && saga.deadline === deadline && msUntil(deadline) <= 0) {
      await whenDue(deadline);
      early = Math.min(Math.max(early * 2, EARLY_MS), MAX_EARLY_MS);
    } else {
      early = 0;
    }
  }
}

/** By workflow time, which is read from the history and is the same in every replay. */
function msUntil(deadline: Timestamp): number {
  return Date.parse(deadline) + ROUNDING_MS - Date.now();
}

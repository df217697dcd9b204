/** Waiting for people and for deadlines. */
import type { Timestamp } from '../src/contracts/resources.ts';
import { isTimeForNewRun } from './chainSteps.ts';
import type { GroupSaga } from './groupSaga.ts';

/**
 * `Date.parse` drops microseconds; one millisecond more and the database agrees that it is time.
 */
const ROUNDING_MS = 1;
/**
 * First and longest wait when the database says that it is not time yet; doubled in between. So an
 * expiry is late by no more than the clocks differ, and by an hour at most; it is never early.
 */
const EARLY_MS = 1_000;
const MAX_EARLY_MS = 3_600_000;

/** Who a saga is to the ledger when it acts by itself. */
export const SAGA_ACTOR = { name: 'saga', admin: false };

/** What happens at a group's deadline. */
export interface AtDeadline {
  /** Of the timer, in the history. */
  summary: string;
  /** Asks the ledger, whose clock decides whether it is time. */
  act(deadline: Timestamp): Promise<void>;
  /** False: the deadline is not, or no longer, waited for. Left out: it always is. */
  isArmed?(): boolean;
}

/**
 * Waits while the group is open, for people and for its deadline; one that moved is waited for
 * anew. A run has room for some 2,000 updates; when it fills up, the next one goes on.
 *
 * @param atDeadline null where a group has none
 * @param goOn ends this run and begins the next one with the same input
 * @throws CancelledFailure when the workflow was cancelled and there is something to give back
 */
export async function driveToEnd(
  saga: GroupSaga,
  atDeadline: AtDeadline | null,
  goOn: () => Promise<never>,
): Promise<void> {
  let early = 0;
  saga.throwIfCancelled();
  while (saga.isOpen()) {
    if (isTimeForNewRun()) await goOn();
    const isArmed = atDeadline?.isArmed?.() ?? true;
    const deadline = atDeadline && isArmed ? saga.deadline : null;
    if (atDeadline === null || deadline === null) {
      await saga.waitForChange(null, isTimeForNewRun);
    } else {
      const ms = Math.max(msUntil(deadline), early);
      if (ms > 0) await saga.waitForChange({ ms, summary: atDeadline.summary }, isTimeForNewRun);
      if (isDue(saga, deadline)) await atDeadline.act(deadline);
      const isEarly = saga.deadline === deadline && msUntil(deadline) <= 0;
      early = isEarly ? Math.min(Math.max(early * 2, EARLY_MS), MAX_EARLY_MS) : 0;
    }
    saga.throwIfCancelled();
  }
}

/** Looked at after each wait: what ended the wait proves nothing. */
function isDue(saga: GroupSaga, deadline: Timestamp): boolean {
  const waitedFor = saga.isOpen() && !saga.cancelAsked && saga.deadline === deadline;
  return waitedFor && msUntil(deadline) <= 0;
}

/** By workflow time, which is read from the history and is the same in every replay. */
function msUntil(deadline: Timestamp): number {
  return Date.parse(deadline) + ROUNDING_MS - Date.now();
}

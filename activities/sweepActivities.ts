/** The sweeper's work: long activities that tell how far they are. */
import { activityInfo, heartbeat } from '@temporalio/activity';

/** Where a walk over the open groups goes on; null: at the beginning, or at the end. */
export type SweepCursor = string | null;

/** What a part of a sweep found. */
export interface SweepPart {
  next: SweepCursor;
  /** Groups, payout runs, or ended sagas, that were looked at. */
  looked: number;
  /** Sagas that were gone and run again. */
  restarted: number;
  /** Sagas that had been terminated before their first step and can no longer take effect. */
  buried: number;
}

export interface OpenGroupsPart extends SweepPart {
  /** Where the next pass goes on; null: it begins with the oldest. */
  rest: SweepCursor;
}

export interface SweepDeps {
  /** Looks at one batch of open groups, the oldest first; see `src/temporal/sweep.ts`. */
  sweepOpenGroups: (after: SweepCursor, onProgress: () => void) => Promise<OpenGroupsPart>;
  /** Looks at all payout runs that are under way. */
  sweepPayoutRuns: (onProgress: () => void) => Promise<SweepPart>;
  /** Tells sagas what nobody told them, and looks at those that ended lately by force. */
  sweepEndedSagas: (onProgress: () => void) => Promise<SweepPart>;
}

export function createSweepActivities(deps: SweepDeps) {
  const { sweepOpenGroups, sweepPayoutRuns, sweepEndedSagas } = deps;
  return {
    /**
     * A retry goes on where the last attempt was: looking twice does no harm, looking never does.
     */
    sweepOpenGroups: (after: SweepCursor): Promise<OpenGroupsPart> =>
      sweepOpenGroups(after, () => heartbeat(activityInfo().attempt)),
    sweepPayoutRuns: (): Promise<SweepPart> =>
      sweepPayoutRuns(() => heartbeat(activityInfo().attempt)),
    sweepEndedSagas: (): Promise<SweepPart> =>
      sweepEndedSagas(() => heartbeat(activityInfo().attempt)),
  };
}

import {
  continueAsNew,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  createSweepActivities,
  SweepCursor,
  SweepPart,
} from '../activities/sweepActivities.ts';

/** One batch takes seconds; a worker that stops heartbeating is replaced within the half minute. */
const sweep = proxyActivities<ReturnType<typeof createSweepActivities>>({
  startToCloseTimeout: '5 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '30 seconds' },
});

/** What a sweep did, as the schedule's list of recent runs shows it. */
export interface SweepTotals {
  looked: number;
  restarted: number;
  buried: number;
  /** Where the next pass goes on among very many open groups; null: with the oldest. */
  rest: SweepCursor;
}

/**
 * The sweeper, run by a schedule every minute and never twice at a time: no open group and no
 * payout run stays without a saga, and no saga that was terminated before its first step can still
 * take effect.
 */
export async function repair(
  after: SweepCursor = restOfLastPass(),
  before: SweepTotals = { looked: 0, restarted: 0, buried: 0, rest: null },
): Promise<SweepTotals> {
  let totals = before;
  let cursor = after;
  do {
    const summary = cursor === null ? 'Oldest open groups' : 'Open groups, further on';
    const part = await sweep.sweepOpenGroups.executeWithOptions({ summary }, [cursor]);
    totals = { ...add(totals, part), rest: part.rest };
    cursor = part.next;
    setCurrentDetails(`Looked at ${totals.looked} groups, restarted ${totals.restarted} sagas.`);
    if (cursor !== null && workflowInfo().continueAsNewSuggested) {
      await continueAsNew<typeof repair>(cursor, totals);
    }
  } while (cursor !== null);
  const runs = { summary: 'Payout runs under way' };
  totals = add(totals, await sweep.sweepPayoutRuns.executeWithOptions(runs, []));
  const summary = 'Sagas that ended by force';
  return add(totals, await sweep.sweepEndedSagas.executeWithOptions({ summary }, []));
}

/** The schedule gives each run what the last one returned. */
function restOfLastPass(): SweepCursor {
  return (workflowInfo().lastResult as SweepTotals | undefined)?.rest ?? null;
}

function add(totals: SweepTotals, part: SweepPart): SweepTotals {
  return {
    ...totals,
    looked: totals.looked + part.looked,
    restarted: totals.restarted + part.restarted,
    buried: totals.buried + part.buried,
  };
}

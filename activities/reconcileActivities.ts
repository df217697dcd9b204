/** The scheduled comparison of the books with the chain: one activity, long where there is much. */
import { activityInfo, heartbeat } from '@temporalio/activity';
import { type ReconcileDeps, runReconciliation } from '../src/chains/reconcileRun.ts';
import type { ChainReconciliation } from '../src/contracts/chain.ts';
import { RECONCILE_SCHEDULE_ID } from '../src/contracts/sagas.ts';

/** A payload stays small whatever is found; the API has the rest. */
const PLACES_TOLD = 5;

/** What a reconciliation found, as its workflow's page shows it. */
export interface ReconcileTold {
  lines: Pick<
    ChainReconciliation,
    | 'asset'
    | 'block'
    | 'expected'
    | 'onChain'
    | 'missing'
    | 'surplus'
    | 'places'
    | 'pause'
    | 'unreadable'
  >[];
  above: string[];
  paused: string[];
}

export function createReconcileActivities(deps: ReconcileDeps) {
  return {
    /** May run any number of times: what is known is announced once. */
    async reconcileChain(): Promise<ReconcileTold> {
      const beat = () => heartbeat(activityInfo().attempt);
      const run = await runReconciliation(deps, RECONCILE_SCHEDULE_ID, beat);
      const lines = run.lines.map(
        ({ asset, block, expected, onChain, missing, surplus, places, pause, unreadable }) => ({
          asset,
          block,
          expected,
          onChain,
          missing,
          surplus,
          places: places.slice(0, PLACES_TOLD),
          pause,
          unreadable,
        }),
      );
      return { lines, above: run.above, paused: run.paused };
    },
  };
}

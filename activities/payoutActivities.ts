/** The work of payout runs: paying lines takes seconds and tells how far it is. */
import { heartbeat } from '@temporalio/activity';
import type { CancelPayoutRunInput, PayoutOutcome, PayoutRun } from '../src/contracts/payouts.ts';
import type { Db } from '../src/db/pool.ts';
import { readPayoutRun } from '../src/ledger/payoutLists.ts';
import { cancelPayoutRun } from '../src/ledger/payoutRuns.ts';
import { payPayoutLines } from '../src/ledger/payPayoutLines.ts';
import { queueSteps } from '../src/ledger/stepQueue.ts';
import type { Log } from '../src/observability/log.ts';

export function createPayoutActivities({ db, log }: { db: Db; log: Log }) {
  // One for all runs of this process, and none of its callers': no single transfer stands in line
  // behind a list.
  const queue = queueSteps(db);
  /** A saga asks for its own run alone, which was written before the saga was started. */
  const orAlert = (runId: string, run: PayoutRun | null) => {
    if (run === null) {
      log.error(
        { runId, alert: 'LEDGER_BEHIND_TEMPORAL' },
        'A payout run has a saga, but the ledger does not know it. Was an old database restored?',
      );
    }
    return run;
  };
  return {
    /** May run again from any point, here or elsewhere, even beside itself. */
    payPayoutLines: async (runId: string, most: number): Promise<PayoutRun | null> =>
      orAlert(runId, await payPayoutLines(queue, runId, most, ({ lines }) => heartbeat(lines))),
    readPayoutRun: async (runId: string): Promise<PayoutRun | null> =>
      orAlert(runId, await readPayoutRun(db, runId)),
    cancelPayoutRun: (input: CancelPayoutRunInput): Promise<PayoutOutcome> =>
      cancelPayoutRun(db, input),
  };
}

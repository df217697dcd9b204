/** The work of payout runs: paying lines takes seconds and tells how far it is. */
import { heartbeat } from '@temporalio/activity';
import type { CancelPayoutRunInput, PayoutOutcome, PayoutRun } from '../src/contracts/payouts.ts';
import type { Db } from '../src/db/pool.ts';
import { readPayoutRun } from '../src/ledger/payoutLists.ts';
import { cancelPayoutRun } from '../src/ledger/payoutRuns.ts';
import { payPayoutLines } from '../src/ledger/payPayoutLines.ts';
import { queueSteps } from '../src/ledger/stepQueue.ts';

export function createPayoutActivities({ db }: { db: Db }) {
  // One for all runs of this process, and none of its callers': no single transfer stands in line
  // behind a list.
  const queue = queueSteps(db);
  return {
    /** May run again from any point, here or elsewhere, even beside itself. */
    payPayoutLines: (runId: string, most: number): Promise<PayoutRun | null> =>
      payPayoutLines(queue, runId, most, ({ lines }) => heartbeat(lines)),
    readPayoutRun: (runId: string): Promise<PayoutRun | null> => readPayoutRun(db, runId),
    cancelPayoutRun: (input: CancelPayoutRunInput): Promise<PayoutOutcome> =>
      cancelPayoutRun(db, input),
  };
}

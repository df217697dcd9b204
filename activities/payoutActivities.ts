/** The work of payout runs: paying lines takes seconds and tells how far it is. */
import { heartbeat } from '@temporalio/activity';
import type { CancelPayoutRunInput, PayoutOutcome, PayoutRun } from '../src/contracts/payouts.ts';
import type { Db } from '../src/db/pool.ts';
import { inTurns } from '../src/ledger/crowd.ts';
import { listGivenBack, readPayoutRun } from '../src/ledger/payoutLists.ts';
import { cancelPayoutRun } from '../src/ledger/payoutRuns.ts';
import { payPayoutLines } from '../src/ledger/payPayoutLines.ts';
import { queueSteps } from '../src/ledger/stepQueue.ts';
import type { Log } from '../src/observability/log.ts';

/** The sagas of lines that leave for the outside; see `src/temporal/payoutWithdrawals.ts`. */
export interface PayoutWithdrawals {
  /** Starts the saga of a withdrawal that is held, where none runs or has run. */
  begin: (groupId: string, asset: string) => Promise<void>;
  /** Tells a saga that the ledger has ended its group. Never throws. */
  tell: (groupId: string) => Promise<void>;
}

export interface PayoutDeps {
  db: Db;
  log: Log;
  withdrawals: PayoutWithdrawals;
}

/**
 * Sagas of withdrawals that are started at once, for all runs of this process: each start and its
 * first task are work for Temporal and for this worker, which single requests wait for too.
 */
const BEGUN_AT_ONCE = 6;

export function createPayoutActivities({ db, log, withdrawals }: PayoutDeps) {
  // One for all runs of this process, and none of its callers': no single transfer stands in line
  // behind a list.
  const queue = queueSteps(db);
  const inTurn = inTurns(BEGUN_AT_ONCE);
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
    payPayoutLines: async (runId: string, most: number): Promise<PayoutRun | null> => {
      const onProgress = ({ lines }: PayoutRun) => heartbeat(lines);
      const { begin } = withdrawals;
      return orAlert(
        runId,
        await payPayoutLines(queue, runId, most, { onProgress, begin, inTurn }),
      );
    },
    /** The sagas of withdrawals that a cancellation gave back end at once then. */
    tellGivenBack: async (runId: string): Promise<void> => {
      const ids = await listGivenBack(db, runId);
      const tell = (id: string) =>
        inTurn(async () => {
          await withdrawals.tell(id);
          heartbeat(id);
        });
      await Promise.all(ids.map(tell));
    },
    readPayoutRun: async (runId: string): Promise<PayoutRun | null> =>
      orAlert(runId, await readPayoutRun(db, runId)),
    cancelPayoutRun: (input: CancelPayoutRunInput): Promise<PayoutOutcome> =>
      cancelPayoutRun(db, input),
  };
}

/** The sagas of withdrawals that payout runs have opened: how they begin, and learn of an end. */
import type { PayoutWithdrawals } from '../../activities/payoutActivities.ts';
import { SIGNAL } from '../contracts/sagas.ts';
import { readOpenGroup } from '../ledger/openGroups.ts';
import type { SweepDeps } from './deps.ts';
import { inputOf, sagaRuns, sagaTypeOf } from './repair.ts';
import { startSaga } from './start.ts';
import { wakeSaga } from './wake.ts';

/** Longest call for one withdrawal, in milliseconds: within the heartbeat of who pays the lines. */
const CALL_TIMEOUT_MS = 4_000;

/** What the activities of payout runs do with sagas, over one ledger and one namespace. */
export function createPayoutWithdrawals(deps: SweepDeps): PayoutWithdrawals {
  return {
    begin: (groupId, asset) => begin(deps, groupId, asset),
    tell: (groupId) => wakeSaga(deps, groupId, SIGNAL.ledgerChanged),
  };
}

/**
 * As the sweeper starts one: the hold is there, so the first step answers what it answered. One
 * that has ended, of a group that is open and that nobody is known to have begun, may have paid it
 * before an old database was restored.
 */
async function begin(deps: SweepDeps, groupId: string, asset: string): Promise<void> {
  const open = await readOpenGroup(deps.db, groupId);
  if (open === null) return;
  const started = await startSaga(deps.client, sagaTypeOf(open), inputOf(open), {
    deadline: Date.now() + CALL_TIMEOUT_MS,
    known: { assets: [asset] },
  });
  if (started !== 'exists' || (await sagaRuns(deps, groupId))) return;
  if ((await readOpenGroup(deps.db, groupId)) === null) return;
  deps.log.error(
    { groupId, alert: 'LEDGER_BEHIND_TEMPORAL' },
    'A payout run holds a withdrawal whose saga has ended. Was an old database restored?',
  );
}

/** Deadlines that passed while no worker took the saga's tasks. */
import { SIGNAL } from '../contracts/sagas.ts';
import type { StepOutcome } from '../contracts/steps.ts';
import { expire } from '../ledger/expire.ts';
import { markStuck } from '../ledger/markStuck.ts';
import type { OpenGroup } from '../ledger/openGroups.ts';
import { recordFact } from '../ledger/timeline.ts';
import type { SweepDeps } from './deps.ts';
import { wakeSaga } from './wake.ts';

/** The saga's own timer comes first, also on a busy machine and where clocks differ. */
const GRACE_MS = 60_000;
const SWEEPER = { name: 'sweeper', admin: false };
const REASON = 'The deadline passed, and the saga of this group did nothing.';

/**
 * Does what the saga of an open group should have done at its deadline: ends a transfer, marks a
 * withdrawal without a chain as stuck. The steps are the saga's own, so whichever comes second
 * replays, and it is the ledger that says whether it is time. Nothing where no deadline is overdue.
 */
export async function actOnOverdue(deps: SweepDeps, open: OpenGroup): Promise<void> {
  const { id: groupId, expiresAt } = open;
  if (expiresAt === null || Date.parse(expiresAt) + GRACE_MS > Date.now()) return;
  const outcome = await actAtDeadline(deps, open, expiresAt);
  if (outcome?.outcome !== 'done' || outcome.replayed) return;
  deps.log.error(
    { groupId, expiresAt, alert: 'DEADLINE_MISSED' },
    'A saga did not act at its deadline; the sweeper did. Does a worker of its build run?',
  );
  await recordFact(deps.db, {
    groupId,
    event: 'saga.overdue',
    actor: SWEEPER.name,
    reason: REASON,
    detail: { expiresAt },
    key: `saga.overdue:${expiresAt}`,
  });
  // The saga looks at the group once a worker takes its tasks.
  await wakeSaga(deps, groupId, SIGNAL.ledgerChanged);
}

/** Null where a clock ends nothing, or what it does was done before. */
async function actAtDeadline(
  { db }: SweepDeps,
  { id: groupId, kind, chain, custodial, state }: OpenGroup,
  expiresAt: string,
): Promise<StepOutcome | null> {
  const step = { groupId, actor: SWEEPER, expiresAt };
  if (kind === 'transfer') return expire(db, { ...step, stepKey: `~expire:${expiresAt}` });
  const isChainless = kind === 'withdrawal' && chain === null && !custodial;
  if (!isChainless || state === 'stuck') return null;
  return markStuck(db, { ...step, stepKey: `~stuck:${expiresAt}` });
}

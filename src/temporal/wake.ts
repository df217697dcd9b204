/** Hints to sagas that wait for what others decide. */
import { type SagaHint, SIGNAL } from '../contracts/sagas.ts';
import { forgetHints, hintsOf, listHints, type OwedHint } from '../ledger/sagaHints.ts';
import { callUntil } from './calls.ts';
import type { SweepDeps } from './deps.ts';
import { faultOf } from './failures.ts';
import { repairGroup } from './repair.ts';
import { serversAnswer } from './sweepOne.ts';

/** The caller's answer stands already, so it does not wait long for the hint, in milliseconds. */
const CALL_TIMEOUT_MS = 2_000;
/** Hints of one sweep: what nobody told within a minute, of which a day has a handful. */
const MOST_HINTS = 500;

/**
 * Implements `SagaGateway.wake`: a signal that carries nothing. Where no run takes it and the group
 * is open, its saga begins again and reads for itself. One that was not taken is the sweeper's.
 */
export async function wakeSaga(
  deps: SweepDeps,
  groupId: string,
  hint: SagaHint = SIGNAL.policyChanged,
): Promise<void> {
  const isOwed = hint === SIGNAL.policyChanged;
  // Read before the signal: a word that comes later has a hint of its own.
  const hints = isOwed ? await hintsOf(deps.db, groupId).catch(() => []) : [];
  await tellAndForget(deps, groupId, hint, hints);
}

/**
 * Tells sagas what nobody told them: a process died between its word and the hint, or Temporal was
 * away. Answers how many were told; what could not be is left to the next sweep.
 */
export async function tellHints(deps: SweepDeps, onProgress: () => void): Promise<number> {
  const hints = await listHints(deps.db, MOST_HINTS);
  const groups = Map.groupBy(hints, ({ groupId }) => groupId);
  let told = 0;
  for (const [groupId, own] of groups) {
    if (await tellAndForget(deps, groupId, SIGNAL.policyChanged, own)) told += 1;
    else if (!(await serversAnswer(deps))) break;
    onProgress();
  }
  return told;
}

/** False: it was not told, and the log says why. */
async function tellAndForget(
  deps: SweepDeps,
  groupId: string,
  hint: SagaHint,
  hints: readonly OwedHint[],
): Promise<boolean> {
  try {
    await tell(deps, groupId, hint);
    await forgetHints(deps.db, hints);
    return true;
  } catch (error) {
    deps.log.warn({ groupId, reason: faultOf(error).detail }, 'A hint was not taken');
    return false;
  }
}

async function tell(deps: SweepDeps, groupId: string, hint: SagaHint): Promise<void> {
  const { client } = deps;
  try {
    await callUntil(client.connection, Date.now() + CALL_TIMEOUT_MS, () =>
      client.workflow.getHandle(groupId).signal(hint),
    );
  } catch (error) {
    if (faultOf(error).fault !== 'not_found') throw error;
    await repairGroup(deps, groupId);
  }
}

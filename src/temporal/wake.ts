/** Hints to sagas that wait for what others decide. */
import { type SagaHint, SIGNAL } from '../contracts/sagas.ts';
import { callUntil } from './calls.ts';
import type { SweepDeps } from './deps.ts';
import { faultOf } from './failures.ts';
import { repairGroup } from './repair.ts';

/** The caller's answer stands already, so it does not wait long for the hint, in milliseconds. */
const CALL_TIMEOUT_MS = 2_000;

/**
 * Implements `SagaGateway.wake`: a signal that carries nothing. Where no run takes it and the group
 * is open, its saga begins again and reads for itself. A hint that is lost costs time alone.
 */
export async function wakeSaga(
  deps: SweepDeps,
  groupId: string,
  hint: SagaHint = SIGNAL.policyChanged,
): Promise<void> {
  const { client, log } = deps;
  try {
    await callUntil(client.connection, Date.now() + CALL_TIMEOUT_MS, () =>
      client.workflow.getHandle(groupId).signal(hint),
    );
  } catch (error) {
    const { fault, detail } = faultOf(error);
    if (fault !== 'not_found') return log.warn({ groupId, reason: detail }, 'A hint was not taken');
    await repairGroup(deps, groupId).catch((cause: unknown) =>
      log.warn({ groupId, reason: faultOf(cause).detail }, 'A saga was not brought back'),
    );
  }
}

/** Brings back the sagas of open groups. */
import { type SagaInputs, type SagaType, workflowTypeOf } from '../contracts/sagas.ts';
import type { Db } from '../db/pool.ts';
import { type OpenGroup, readOpenGroup } from '../ledger/openGroups.ts';
import { recordFact } from '../ledger/timeline.ts';
import { readWithin } from './calls.ts';
import type { SweepDeps } from './deps.ts';
import { faultOf } from './failures.ts';
import { startSaga } from './start.ts';

/** Longest call for one group, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000;

/** Repairs the saga of one group, by id; nothing when the group is finished or not there. */
export async function repairGroup(deps: SweepDeps, groupId: string): Promise<void> {
  const open = await readOpenGroup(deps.db, groupId);
  if (open) await repairOpenGroup(deps, open);
}

/**
 * Starts the saga of an open group, or of a payment that is watched after its end, again if none
 * runs: the same type, id and input, so that its first step replays and the run goes on from the
 * ledger's state. True when it was started.
 */
export async function repairOpenGroup(deps: SweepDeps, open: OpenGroup): Promise<boolean> {
  const { client, db, log } = deps;
  const groupId = open.id;
  if (await sagaRuns(deps, groupId)) return false;
  if (open.request === null) {
    log.error(
      { groupId, alert: 'GROUP_WITHOUT_REQUEST' },
      'An open group cannot get its saga back',
    );
    return false;
  }
  const type = sagaTypeOf(open);
  const deadline = Date.now() + CALL_TIMEOUT_MS;
  const started = await startSaga(client, type, inputOf(open), { again: true, deadline });
  if (started === 'exists') return false;
  log.warn({ groupId, type }, 'A group had no saga; it was started again');
  await recordRestart(db, groupId, type, 'No workflow drove this group.');
  return true;
}

/** The saga that drives an open group. */
export function sagaTypeOf(open: OpenGroup): SagaType {
  if (open.custodial) return 'custodialWithdrawal';
  return workflowTypeOf(open.kind, open.chain !== null) as SagaType;
}

/** Writes to the timeline that the sweeper brought a saga back, and why. */
export async function recordRestart(
  db: Db,
  groupId: string,
  type: string,
  reason: string,
): Promise<void> {
  await recordFact(db, {
    groupId,
    event: 'saga.restarted',
    actor: 'sweeper',
    reason,
    detail: { type },
    key: `saga.restarted:${new Date().toISOString()}`,
  });
}

/** Whether a saga of that id runs. Asked by id: lists lag behind. */
export async function sagaRuns({ client }: SweepDeps, groupId: string): Promise<boolean> {
  try {
    const handle = client.workflow.getHandle(groupId);
    const { status } = await readWithin(client.connection, () => handle.describe());
    return status.name === 'RUNNING' || status.name === 'PAUSED';
  } catch (error) {
    if (faultOf(error).fault === 'not_found') return false;
    throw error;
  }
}

/** The request as the ledger stored it, as the input of the step that it came in. */
export function inputOf(open: OpenGroup): SagaInputs[SagaType] {
  return {
    ...open.request,
    groupId: open.id,
    stepKey: open.openedBy,
    actor: { name: open.client, admin: false },
    client: open.client,
    acceptBy: null,
  } as unknown as SagaInputs[SagaType];
}

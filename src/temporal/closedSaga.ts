/** Sagas that have ended while the ledger knows nothing of them. */
import type { Client } from '@temporalio/client';
import {
  FIRST_STEP,
  KIND_OF_SAGA,
  type NoOutcome,
  type SagaInputs,
  type SagaType,
  SIGNAL,
} from '../contracts/sagas.ts';
import type { StepOutcome, TombstoneInput } from '../contracts/steps.ts';
import { replay } from '../ledger/replay.ts';
import { tombstone } from '../ledger/tombstone.ts';
import { callUntil, readWithin } from './calls.ts';
import type { SagaDeps, SweepDeps } from './deps.ts';
import { faultOf } from './failures.ts';
import { unavailable } from './unavailable.ts';
import { wakeSaga } from './wake.ts';

/** Sagas whose first step is a client's request. */
export type ClientSaga = keyof typeof FIRST_STEP;

/** Reason of a group whose saga was terminated before it wrote anything. */
const NEVER_BEGAN = 'TERMINATED_BEFORE_FIRST_STEP';

/**
 * What a caller is told whose saga exists already: the first step's answer when there is one, that
 * it still runs, or that it left the key free.
 *
 * A saga that ended without an answer in the ledger either was terminated before its first step,
 * which a tombstone makes final, or the ledger is older than Temporal (a backup was restored). Then
 * nothing is run again: what happened since the backup is for a person to find out.
 */
export async function answerOfExisting<T extends ClientSaga>(
  deps: SagaDeps,
  type: T,
  input: SagaInputs[T],
): Promise<StepOutcome | NoOutcome | 'runs' | 'key is free'> {
  const step = FIRST_STEP[type];
  const answer = await replay(deps.db, step, input);
  if (answer) return answer;
  const end = await endOfSaga(deps.client, input.groupId);
  if (end === null) return 'runs';
  if (end === 'nothing stored') return 'key is free';
  const late = await replay(deps.db, step, input);
  if (late) return late;
  if (end === 'before first step') {
    await buryUnbegun(deps, type, input);
    return (deps.steps[step] as (input: SagaInputs[T]) => Promise<StepOutcome>)(input);
  }
  alertLedgerBehind(deps, input.groupId);
  return ledgerBehind(input.groupId);
}

function ledgerBehind(groupId: string): NoOutcome {
  return unavailable(
    `Temporal knows the saga of ${groupId}, but the ledger does not know the group: the ` +
      'database seems to be older than Temporal. An operator has to reconcile them.',
  );
}

/** The caller has waited already; what is not found out by then is told next time. */
const LAST_LOOK_MS = 2_000;

/**
 * What a caller is told who waited in vain for the first step of a saga that runs: that it is to
 * come, or that it was taken in a ledger which is no longer there. Then the saga is told to look.
 */
export async function answerOfSilent<T extends ClientSaga>(
  deps: SagaDeps,
  type: T,
  input: SagaInputs[T],
): Promise<StepOutcome | NoOutcome> {
  try {
    return (await whySilent(deps, type, input)) ?? { outcome: 'pending' };
  } catch (error) {
    const { groupId } = input;
    deps.log.warn({ err: error, groupId }, 'It cannot be told why a first step has no answer yet');
    return { outcome: 'pending' };
  }
}

async function whySilent<T extends ClientSaga>(
  deps: SagaDeps,
  type: T,
  input: SagaInputs[T],
): Promise<StepOutcome | NoOutcome | null> {
  const { client, db } = deps;
  const handle = client.workflow.getHandle(input.groupId);
  const until = Date.now() + LAST_LOOK_MS;
  const { events } = await callUntil(client.connection, until, () => handle.fetchHistory());
  if (!hasTakenStep(events)) return null;
  const late = await replay(db, FIRST_STEP[type], input);
  if (late) return late;
  const { status } = await callUntil(client.connection, until, () => handle.describe());
  // One that has ended is another matter, which the next request finds.
  if (status.name !== 'RUNNING') return null;
  alertLedgerBehind(deps, input.groupId);
  await wakeSaga(deps, input.groupId, SIGNAL.ledgerChanged);
  return ledgerBehind(input.groupId);
}

type Events = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['fetchHistory']>>;

/**
 * A local activity leaves a marker; the first step is the first one. One with a failure says that
 * the step could not be taken, as while the database was away, and that it is tried again later.
 */
function hasTakenStep(events: Events['events']): boolean {
  const markers = (events ?? []).map((event) => event.markerRecordedEventAttributes);
  return markers.some((marker) => marker && !marker.failure);
}

/** Makes sure that a first step which is still under way somewhere finds its group cancelled. */
export async function buryUnbegun(
  { db, log }: SweepDeps,
  type: SagaType,
  { groupId, client }: { groupId: string; client: string },
): Promise<void> {
  const input: TombstoneInput = {
    groupId,
    stepKey: '~tombstone',
    actor: { name: 'sweeper', admin: false },
    kind: KIND_OF_SAGA[type],
    client,
    reason: NEVER_BEGAN,
  };
  await tombstone(db, input);
  log.warn({ groupId }, 'A saga was terminated before its first step; its group is cancelled');
}

/** Loud, and the same everywhere: alerts are made of this line. */
export function alertLedgerBehind({ log }: SweepDeps, groupId: string): void {
  log.error(
    { groupId, alert: 'LEDGER_BEHIND_TEMPORAL' },
    'Temporal knows a saga whose group the ledger does not. Was an old database restored?',
  );
}

/**
 * How a saga ended, or null while one of that id runs or when Temporal has none. `nothing stored`:
 * its first step was refused for its shape, which consumes no key.
 */
export async function endOfSaga(
  client: Client,
  groupId: string,
): Promise<'before first step' | 'after first step' | 'nothing stored' | null> {
  const handle = client.workflow.getHandle(groupId);
  try {
    const { status } = await readWithin(client.connection, () => handle.describe());
    if (status.name === 'RUNNING' || status.name === 'PAUSED') return null;
    if (status.name === 'COMPLETED') {
      const result = readWithin(client.connection, () => handle.result());
      const { stored } = (await result) as { stored?: boolean };
      return stored === false ? 'nothing stored' : 'after first step';
    }
    const { events } = await readWithin(client.connection, () => handle.fetchHistory());
    return hasTakenStep(events) ? 'after first step' : 'before first step';
  } catch (error) {
    if (faultOf(error).fault === 'not_found') return null;
    throw error;
  }
}

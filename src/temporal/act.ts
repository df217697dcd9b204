/** Acts on a saga that runs, and what to do when it does not. */
import { randomUUID } from 'node:crypto';
import {
  type NoOutcome,
  type SagaUpdate,
  type SagaUpdates,
  STEP_OF_UPDATE,
  type UpdateAnswer,
} from '../contracts/sagas.ts';
import type { StepOutcome } from '../contracts/steps.ts';
import { readGroup } from '../ledger/groups.ts';
import { replay } from '../ledger/replay.ts';
import { canonicalRequest, sameRequest } from '../ledger/requests.ts';
import { callUntil } from './calls.ts';
import type { SagaDeps } from './deps.ts';
import { faultOf, isOfTemporal, type TemporalFault } from './failures.ts';
import type { Told } from './outcomes.ts';
import { ANSWERED, pauseFor } from './patience.ts';
import { answers } from './ready.ts';
import { repairGroup } from './repair.ts';
import { unavailable } from './unavailable.ts';

type Answer = StepOutcome | NoOutcome;
type Fault = { fault: TemporalFault; detail: string };

/** An update is sent even for a caller who does not want to wait, in milliseconds. */
const SHORTEST_CALL_MS = 2_000;
/** Between two tries of an update that Temporal was too busy for, doubled up to the longest. */
const BUSY_PAUSE_MS = 20;
const LONGEST_BUSY_PAUSE_MS = 500;
/** A saga that is gone again after so many repairs is being terminated by somebody. */
const MOST_REPAIRS = 3;

interface Act<U extends SagaUpdate> {
  /** Tells this caller's update from another one's, however often it has to be sent. */
  me: string;
  deps: SagaDeps;
  update: U;
  input: SagaUpdates[U];
  /** When the caller stops waiting, in milliseconds since the epoch. */
  until: number;
  /** Aborted once the caller has an answer. */
  over: AbortSignal;
}

/** Implements `SagaGateway.act`. */
export async function actAndWait<U extends SagaUpdate>(
  deps: SagaDeps,
  update: U,
  input: SagaUpdates[U],
  waitMs: number,
): Promise<Answer> {
  const over = new AbortController();
  const until = Date.now() + waitMs;
  const act = { me: randomUUID(), deps, update, input, until, over: over.signal };
  const expectation = deps.outcomes.expect(input.groupId, input.stepKey);
  const { withdraw } = deps.headStarts.offer(STEP_OF_UPDATE[update], input, () => askLedger(act));
  try {
    // The local worker's activity tells before Temporal has recorded it; the ledger has it already.
    const told = expectation.told.then((each) => answerOfTold(act, each));
    return await Promise.race([told, throughTemporal(act)]);
  } finally {
    over.abort(ANSWERED);
    expectation.forget();
    withdraw();
  }
}

/** Under one key one request runs; whoever asked for another one is told so by the ledger. */
async function answerOfTold<U extends SagaUpdate>(
  { deps, update, input }: Act<U>,
  told: Told,
): Promise<StepOutcome> {
  const step = STEP_OF_UPDATE[update];
  const ran = told.input as SagaUpdates[U];
  if (!sameRequest(canonicalRequest(step, ran), canonicalRequest(step, input))) {
    return (await replay(deps.db, step, input)) ?? told.outcome;
  }
  const { outcome } = told;
  if (!('replayed' in outcome)) return outcome;
  // Each request has its own time, and whoever sent the one that ran may wait in another process.
  if (ran.acceptBy === input.acceptBy && told.claimFirst()) return outcome;
  return { ...outcome, replayed: true };
}

async function throughTemporal<U extends SagaUpdate>(act: Act<U>): Promise<Answer> {
  let pause = BUSY_PAUSE_MS;
  let repairs = 0;
  for (;;) {
    const sent = await sendUpdate(act);
    if ('outcome' in sent) return sent;
    // The caller was told meanwhile; nobody is left to bring a saga back for.
    if (act.over.aborted) return { outcome: 'pending' };
    if (sent.fault === 'busy' && Date.now() < act.until) {
      await pauseFor(pause, act.until, act.over);
      pause = Math.min(pause * 2, LONGEST_BUSY_PAUSE_MS);
    } else if (sent.fault === 'not_found' || sent.fault === 'aborted') {
      const answer = await withoutSaga(act);
      if (answer) return answer;
      repairs += 1;
      if (repairs >= MOST_REPAIRS)
        return unavailable('The saga of this group does not stay alive.');
    } else {
      return answerOfFault(act, sent);
    }
  }
}

async function sendUpdate<U extends SagaUpdate>(act: Act<U>): Promise<StepOutcome | Fault> {
  const { me, deps, update, input, until } = act;
  const deadline = Math.max(until, Date.now() + SHORTEST_CALL_MS);
  try {
    const { caller, ...outcome } = await callUntil(deps.client.connection, deadline, () =>
      deps.client.workflow
        .getHandle(input.groupId)
        .executeUpdate<UpdateAnswer, [SagaUpdates[U], string]>(update, {
          updateId: input.stepKey,
          args: [input, me],
        }),
    );
    // A step is taken again where the task that took it was lost; its caller is the first all the
    // same.
    if (caller === me) return 'replayed' in outcome ? { ...outcome, replayed: false } : outcome;
    // The answer to another caller, perhaps to another request: the op row compares.
    return (await replay(deps.db, STEP_OF_UPDATE[update], input)) ?? outcome;
  } catch (error) {
    return faultOf(error);
  }
}

/** No saga runs: a finished group answers by itself; an open one gets its saga back (null). */
async function withoutSaga<U extends SagaUpdate>(act: Act<U>): Promise<Answer | null> {
  const { deps, input } = act;
  const group = await readGroup(deps.db, input.groupId);
  if (group === null) return { outcome: 'not_found' };
  if (group.status !== 'IN_PROGRESS') return askLedger(act);
  try {
    await repairGroup(deps, input.groupId);
    return null;
  } catch (error) {
    if (!isOfTemporal(error)) throw error;
    return unavailable(`Temporal did not start the saga again (${faultOf(error).detail}).`);
  }
}

function askLedger<U extends SagaUpdate>({ deps, update, input }: Act<U>): Promise<StepOutcome> {
  const step = deps.steps[STEP_OF_UPDATE[update]] as (
    input: SagaUpdates[U],
  ) => Promise<StepOutcome>;
  return step(input);
}

/** The update may or may not have taken effect: the op row says so, or nobody can yet. */
async function answerOfFault<U extends SagaUpdate>(
  { deps, update, input }: Act<U>,
  { fault, detail }: Fault,
): Promise<Answer> {
  const stored = await replay(deps.db, STEP_OF_UPDATE[update], input);
  if (stored) return stored;
  if (fault === 'timed_out' && (await answers(deps.client))) return { outcome: 'pending' };
  if (fault === 'rejected') {
    return { outcome: 'unavailable', code: 'INVALID_REQUEST', detail, retryAfterSeconds: 0 };
  }
  return unavailable(`Temporal did not take the request (${detail}).`);
}

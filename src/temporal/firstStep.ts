/** Starting a saga and learning what its first step answered. */
import { FIRST_STEP, type NoOutcome, type SagaInputs, type SagaType } from '../contracts/sagas.ts';
import type { OpenTransferInput, StepOutcome } from '../contracts/steps.ts';
import { isDatabaseAway } from '../db/sqlstate.ts';
import { replay } from '../ledger/replay.ts';
import { answerOfExisting, answerOfSilent, type ClientSaga } from './closedSaga.ts';
import type { SagaDeps } from './deps.ts';
import { faultOf } from './failures.ts';
import { ANSWERED, lookUntil } from './patience.ts';
import { startSaga } from './start.ts';
import { unavailable } from './unavailable.ts';

type Answer = StepOutcome | NoOutcome;

/** A start is sent even for a caller who does not want to wait, in milliseconds. */
const SHORTEST_CALL_MS = 2_000;
/** The local worker tells within some 10 ms; the op row is looked at only when it does not. */
const LOCAL_WORKER_MS = 250;

/** Implements `SagaGateway.start`. */
export async function startAndWait<T extends SagaType>(
  deps: SagaDeps,
  type: T,
  input: SagaInputs[T],
  waitMs: number,
  assets: string[],
): Promise<Answer> {
  if ('stepKey' in input) {
    return startAndAwaitFirstStep(deps, type as ClientSaga, input, waitMs, assets);
  }
  // A chain deposit is started by the watcher, which reads what became of it from the ledger.
  try {
    await startSaga(deps.client, type, input, { deadline: Date.now() + SHORTEST_CALL_MS });
    return { outcome: 'pending' };
  } catch (error) {
    return unavailable(`Temporal did not start the saga (${faultOf(error).detail}).`);
  }
}

async function startAndAwaitFirstStep<T extends ClientSaga>(
  deps: SagaDeps,
  type: T,
  input: SagaInputs[T],
  waitMs: number,
  assets: string[],
): Promise<Answer> {
  const until = Date.now() + waitMs;
  const deadline = Math.max(until, Date.now() + SHORTEST_CALL_MS);
  const over = new AbortController();
  const expectation = deps.outcomes.expect(input.groupId, input.stepKey);
  const first = deps.steps[FIRST_STEP[type]] as (input: SagaInputs[T]) => Promise<StepOutcome>;
  const ahead = type === 'transfer' ? deps.startsAhead.begin(input as OpenTransferInput) : null;
  const run = () => first(input);
  const early = deps.headStarts.offer(FIRST_STEP[type], input, () => ahead?.take(run) ?? run());
  const look = () => lookQuietly(deps, type, input, until);
  try {
    let started = await startSaga(deps.client, type, input, { deadline, known: { assets } });
    if (started !== 'here') ahead?.drop();
    if (started === 'exists') {
      const existing = await answerOfExisting(deps, type, input);
      if (typeof existing !== 'string') return existing;
      if (existing === 'key is free') {
        started = await startSaga(deps.client, type, input, {
          again: true,
          deadline,
          known: { assets },
        });
      }
    }
    if (started === 'exists') {
      // Another request may have run under this key, so its answer is compared by the ledger.
      const told = expectation.told.then(look);
      const looked = lookUntil(look, until, over.signal);
      return (await Promise.race([told, looked])) ?? (await answerOfSilent(deps, type, input));
    }
    if (started === 'here') early.begin();
    // Whoever does not wait gets the same answer each time, and not now and then a faster one.
    if (waitMs === 0) return { outcome: 'pending' };
    const told = expectation.told.then(({ outcome }) => outcome);
    const delay = started === 'here' ? LOCAL_WORKER_MS : 0;
    const looked = lookUntil(look, until, over.signal, delay).then(asFirstAnswer);
    return (await Promise.race([told, looked])) ?? { outcome: 'pending' };
  } catch (error) {
    // Nobody else knows the outcome, and who asks again now would only wait as long.
    if (isDatabaseAway(error)) throw error;
    const { detail } = faultOf(error);
    return (await look()) ?? unavailable(`Temporal did not start the saga (${detail}).`);
  } finally {
    over.abort(ANSWERED);
    expectation.forget();
    early.withdraw();
    ahead?.drop();
  }
}

/** The op row's answer; a database that does not answer is asked again while the caller waits. */
async function lookQuietly<T extends ClientSaga>(
  deps: SagaDeps,
  type: T,
  input: SagaInputs[T],
  until: number,
): Promise<StepOutcome | null> {
  try {
    return await replay(deps.db, FIRST_STEP[type], input);
  } catch (error) {
    if (Date.now() >= until) throw error;
    deps.log.warn({ err: error, groupId: input.groupId }, 'The ledger does not answer');
    return null;
  }
}

/** Read from the op row, but the answer to the request that started the saga all the same. */
function asFirstAnswer(outcome: StepOutcome | null): StepOutcome | null {
  return outcome && 'replayed' in outcome ? { ...outcome, replayed: false } : outcome;
}

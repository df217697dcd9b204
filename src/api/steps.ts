/** From a request that asks for a ledger step to its answer: replay, saga, outcome, status. */
import { type ActVerb, stepKey } from '../contracts/ids.ts';
import type { Group } from '../contracts/resources.ts';
import {
  FIRST_STEP,
  type NoOutcome,
  type SagaInputs,
  type SagaUpdate,
  type SagaUpdates,
  STEP_OF_UPDATE,
} from '../contracts/sagas.ts';
import type { StepInput, StepOutcome } from '../contracts/steps.ts';
import { readGroup } from '../ledger/groups.ts';
import { type Decided, decidedUnder } from '../ledger/replay.ts';
import type { AnyStepInput, LedgerVerb } from '../ledger/requests.ts';
import { type ApiContext, type ApiDeps, type Caller, isAdmin } from './context.ts';
import { acceptedGroup, type ClientSaga, findGroup, groupResource } from './groupResource.ts';
import { outcomeWord, problemOfOutcome } from './outcomes.ts';
import { acceptByOf } from './prefer.ts';

/** What a step came to: a group with its outcome, or one that is only accepted. */
export interface StepAnswer {
  group: Group;
  accepted: boolean;
  replayed: boolean;
}

/** Counts the outcome; hands on success, throws everything else. */
async function answerOf(
  deps: ApiDeps,
  verb: string,
  outcome: StepOutcome | NoOutcome,
  input: StepInput,
  asItStands: () => Promise<Group>,
): Promise<StepAnswer> {
  deps.metrics.outcomes.inc({ verb, code: outcomeWord(outcome) });
  if (outcome.outcome === 'done') {
    return { group: outcome.group, accepted: false, replayed: outcome.replayed };
  }
  if (outcome.outcome !== 'pending') throw problemOfOutcome(outcome, input);
  return { group: await asItStands(), accepted: true, replayed: false };
}

function groupOf({ db, gateway }: ApiDeps, { groupId }: StepInput): Promise<Group> {
  return findGroup(db, gateway, groupId);
}

/** A request to start a saga, once it was judged. */
export interface Judged<T extends ClientSaga['type']> {
  /** Left out: the saga of the request as it was sent. */
  type?: T;
  input: SagaInputs[T];
  /** Of all its wallets, where they are known. */
  assets?: string[];
}

/** A request as it was sent. */
interface Sent<I> {
  input: I;
  /** As it would have been stored when that one was; left out: as it was sent. */
  respell?: (stored: unknown) => Promise<I>;
}

/** The outcome under a key that was used for just this; null where it is new, or differs. */
async function sameAgain<I extends StepInput & AnyStepInput>(
  decided: Decided | null,
  verb: LedgerVerb,
  { input, respell }: Sent<I>,
): Promise<StepOutcome | null> {
  if (decided === null) return null;
  const asSent = decided(verb, input);
  if (asSent.outcome !== 'key_reused') return asSent;
  const asThen = respell ? decided(verb, await respell(asSent.stored)) : asSent;
  return asThen.outcome === 'key_reused' ? null : asThen;
}

/** The answer that this request was given before under its key, or null. */
export async function answeredBefore<I extends StepInput & AnyStepInput>(
  deps: ApiDeps,
  verb: LedgerVerb,
  sent: Sent<I>,
): Promise<StepAnswer | null> {
  const { input } = sent;
  const { decided } = await decidedUnder(deps.db, input);
  const outcome = await sameAgain(decided, verb, sent);
  return outcome && answerOf(deps, verb, outcome, input, () => groupOf(deps, input));
}

/**
 * Starts the saga of a new group and waits for its first outcome. The op row is looked at before
 * anything starts, so a key that was used gets its answer even when Temporal has forgotten it; and
 * before the request is judged by what wallets and groups are now, which may be something else than
 * when it was answered. Only then `judge` refuses it, or reads it as the ledger is to be asked.
 *
 * @throws Problem for every refusal
 */
export async function startSaga<T extends ClientSaga['type']>(
  deps: ApiDeps,
  sent: { type: T } & Sent<SagaInputs[T]>,
  waitMs: number,
  judge: () => Promise<Judged<T>>,
): Promise<StepAnswer> {
  const { db, gateway } = deps;
  const verb = FIRST_STEP[sent.type];
  const { decided, now } = await decidedUnder(db, sent.input);
  const again = await sameAgain(decided, verb, sent);
  if (again) return answerOf(deps, sent.type, again, sent.input, () => groupOf(deps, sent.input));
  const { type = sent.type, input: judged, assets = [] } = await judge();
  const input = { ...judged, acceptBy: acceptByOf(waitMs, now) };
  const startedAt = new Date().toISOString();
  const outcome = decided?.(verb, input) ?? (await gateway.start(type, input, waitMs, assets));
  return answerOf(deps, type, outcome, input, async () => {
    const saga = { type, input, startedAt } as ClientSaga;
    return (await readGroup(db, input.groupId)) ?? acceptedGroup(saga);
  });
}

/** Of a first step until its key is looked up, by the clock of the database that will weigh it. */
export const NOT_BOUND_YET = { acceptBy: null } as const;

/** What every step carries: whose group, under which op key, by whom. */
export function stepOf(caller: Caller, verb: ActVerb, groupId: string, key: string): StepInput {
  return {
    groupId,
    stepKey: stepKey(verb, caller.client, key),
    actor: { name: caller.client, admin: isAdmin(caller) },
  };
}

interface Judging<I> extends Omit<Sent<I>, 'input'> {
  /** Refuses what wallets and groups do not allow now; left out: nothing depends on them. */
  judge?: () => Promise<I>;
}

/**
 * Sends an act to a group's saga and waits for its outcome; the op row is looked at before, as at a
 * start.
 */
export async function actOnSaga<U extends SagaUpdate>(
  deps: ApiDeps,
  update: U,
  sent: SagaUpdates[U],
  waitMs: number,
  { judge = async () => sent, respell }: Judging<SagaUpdates[U]> = {},
): Promise<StepAnswer> {
  const verb = STEP_OF_UPDATE[update];
  const { decided, now } = await decidedUnder(deps.db, sent);
  const again = await sameAgain(decided, verb, { input: sent, ...(respell && { respell }) });
  const input = again ? sent : await judge();
  const asked = { ...input, acceptBy: acceptByOf(waitMs, now) };
  const outcome =
    again ?? decided?.(verb, input) ?? (await deps.gateway.act(update, asked, waitMs));
  return answerOf(deps, update, outcome, input, () => groupOf(deps, input));
}

/** Writes an act that no saga takes part in: the ledger alone decides, and at once. */
export async function decideInLedger(
  deps: ApiDeps,
  verb: string,
  input: StepInput,
  write: () => Promise<StepOutcome>,
): Promise<StepAnswer> {
  return answerOf(deps, verb, await write(), input, () => groupOf(deps, input));
}

/** `/v1/transfers/<id>`, where every group can be read. */
function groupLocation(id: string): string {
  return `/v1/transfers/${encodeURIComponent(id)}`;
}

/** Sends a step's group where the outcome of what was asked for is to come: always 202. */
export function sendAccepted(c: ApiContext, deps: ApiDeps, { group, replayed }: StepAnswer) {
  c.header('Location', groupLocation(group.id));
  if (replayed) c.header('Idempotency-Replayed', 'true');
  return c.json(groupResource(deps.gateway, group), 202);
}

/** Sends a step's group: `status` for an outcome, 202 with `Location` for one that is to come. */
export function sendStep<S extends 200 | 201>(
  c: ApiContext,
  deps: ApiDeps,
  answer: StepAnswer,
  status: S,
) {
  const resource = groupResource(deps.gateway, answer.group);
  if (answer.accepted) {
    c.header('Location', groupLocation(answer.group.id));
    return c.json(resource, 202);
  }
  if (answer.replayed) c.header('Idempotency-Replayed', 'true');
  return c.json(resource, status);
}

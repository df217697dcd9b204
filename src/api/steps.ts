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
import { replay } from '../ledger/replay.ts';
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

/**
 * Starts the saga of a new group and waits for its first outcome. The op row is looked at before
 * anything starts, so a key that was used gets its answer even when Temporal has forgotten it.
 *
 * @param assets of all its wallets, where they are known
 * @throws Problem for every refusal
 */
export async function startSaga<T extends ClientSaga['type']>(
  deps: ApiDeps,
  type: T,
  input: SagaInputs[T],
  waitMs: number,
  assets: string[] = [],
): Promise<StepAnswer> {
  const { db, gateway } = deps;
  const startedAt = new Date().toISOString();
  const outcome =
    (await replay(db, FIRST_STEP[type], input)) ??
    (await gateway.start(type, input, waitMs, assets));
  return answerOf(deps, type, outcome, input, async () => {
    const saga = { type, input, startedAt } as ClientSaga;
    return (await readGroup(db, input.groupId)) ?? acceptedGroup(saga);
  });
}

/** What every step carries: whose group, under which op key, by whom. */
export function stepOf(caller: Caller, verb: ActVerb, groupId: string, key: string): StepInput {
  return {
    groupId,
    stepKey: stepKey(verb, caller.client, key),
    actor: { name: caller.client, admin: isAdmin(caller) },
  };
}

/** Sends an act to a group's saga and waits for its outcome; the op row is looked at before. */
export async function actOnSaga<U extends SagaUpdate>(
  deps: ApiDeps,
  update: U,
  input: SagaUpdates[U],
  waitMs: number,
): Promise<StepAnswer> {
  const { db, gateway } = deps;
  const asked = { ...input, acceptBy: acceptByOf(waitMs) };
  const outcome =
    (await replay(db, STEP_OF_UPDATE[update], input)) ?? (await gateway.act(update, asked, waitMs));
  return answerOf(deps, update, outcome, input, () => findGroup(db, gateway, input.groupId));
}

/** Writes an act that no saga takes part in: the ledger alone decides, and at once. */
export async function decideInLedger(
  deps: ApiDeps,
  verb: string,
  input: StepInput,
  write: () => Promise<StepOutcome>,
): Promise<StepAnswer> {
  return answerOf(deps, verb, await write(), input, () =>
    findGroup(deps.db, deps.gateway, input.groupId),
  );
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

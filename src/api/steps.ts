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
import { Problem } from './problem.ts';
import { differingFields } from './requestDiff.ts';

/** What a step came to: a group with its outcome, or one that is only accepted. */
export interface StepAnswer {
  group: Group;
  accepted: boolean;
  replayed: boolean;
}

type Refused = Exclude<StepOutcome | NoOutcome, { outcome: 'done' | 'pending' }>;

/** A word for the metric of outcomes: a problem's code, or how it went well. */
function outcomeWord(outcome: StepOutcome | NoOutcome): string {
  switch (outcome.outcome) {
    case 'done':
      return outcome.replayed ? 'replayed' : 'done';
    case 'pending':
      return 'accepted';
    case 'refused':
      return outcome.refusal.code;
    case 'unavailable':
      return outcome.code;
    case 'key_reused':
      return 'IDEMPOTENCY_KEY_REUSED';
    case 'not_found':
      return 'GROUP_NOT_FOUND';
    case 'not_due':
      return 'not_due';
  }
}

/** The problem that an outcome stands for, where it is no success. */
function problemOfOutcome(outcome: Refused, input: StepInput): Error {
  const { groupId } = input;
  switch (outcome.outcome) {
    case 'refused': {
      const { code, detail, errors } = outcome.refusal;
      return new Problem(code, detail, {
        ...(errors === undefined ? {} : { errors }),
        ...(outcome.group === null ? {} : { groupId: outcome.group.id }),
        headers: outcome.replayed ? { 'Idempotency-Replayed': 'true' } : {},
      });
    }
    case 'key_reused': {
      const legs = 'legs' in input ? (input.legs as { leg?: number }[] | null) : null;
      return new Problem(
        'IDEMPOTENCY_KEY_REUSED',
        'This Idempotency-Key stands for another request. Send that one again, or take a new key.',
        { errors: differingFields(outcome.stored, outcome.asked, legs ?? []) },
      );
    }
    case 'not_found':
      return new Problem('GROUP_NOT_FOUND', `There is no transfer group ${groupId}.`);
    case 'unavailable':
      return new Problem(outcome.code, outcome.detail, {
        headers:
          outcome.retryAfterSeconds > 0 ? { 'Retry-After': String(outcome.retryAfterSeconds) } : {},
      });
    case 'not_due':
      return new Error(`A client's step on ${groupId} answered not_due`);
  }
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
 * @throws Problem for every refusal
 */
export async function startSaga<T extends ClientSaga['type']>(
  deps: ApiDeps,
  type: T,
  input: SagaInputs[T],
  waitMs: number,
): Promise<StepAnswer> {
  const { db, gateway } = deps;
  const startedAt = new Date().toISOString();
  const outcome =
    (await replay(db, FIRST_STEP[type], input)) ?? (await gateway.start(type, input, waitMs));
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
  const outcome =
    (await replay(db, STEP_OF_UPDATE[update], input)) ?? (await gateway.act(update, input, waitMs));
  return answerOf(deps, update, outcome, input, () => findGroup(db, gateway, input.groupId));
}

/** `/v1/transfers/<id>`, where every group can be read. */
function groupLocation(id: string): string {
  return `/v1/transfers/${encodeURIComponent(id)}`;
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

/** What a step came to, as a problem and as a word of the metrics. */
import type { NoOutcome } from '../contracts/sagas.ts';
import type { StepInput, StepOutcome } from '../contracts/steps.ts';
import { type FieldFault, Problem, problemOfRefusal } from './problem.ts';
import { differingFields } from './requestDiff.ts';

type Refused = Exclude<StepOutcome | NoOutcome, { outcome: 'done' | 'pending' }>;

/** A word for the metric: a problem's code, or how it went well. */
export function outcomeWord(outcome: StepOutcome | NoOutcome): string {
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

/** 422 for a key that stands for another request, with the fields in which the two differ. */
export function keyReused(errors: FieldFault[]): Problem {
  return new Problem(
    'IDEMPOTENCY_KEY_REUSED',
    'This Idempotency-Key stands for another request. Send that one again, or take a new key.',
    { errors },
  );
}

/** The problem that an outcome stands for, where it is no success. */
export function problemOfOutcome(outcome: Refused, input: StepInput): Error {
  const { groupId } = input;
  const legs = 'legs' in input ? (input.legs as { leg?: number }[] | null) : null;
  switch (outcome.outcome) {
    case 'refused':
      return problemOfRefusal(outcome.refusal, legs ? '/legs' : undefined, {
        ...(outcome.group === null ? {} : { groupId: outcome.group.id }),
        headers: outcome.replayed ? { 'Idempotency-Replayed': 'true' } : {},
      });
    case 'key_reused':
      return keyReused(differingFields(outcome.stored, outcome.asked, legs ?? []));
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

/** Answers for people at the Temporal UI or CLI, who read sentences and no outcomes. */
import { ApplicationFailure } from '@temporalio/common';
import type { PayoutOutcome } from '../src/contracts/payouts.ts';
import type { StepOutcome } from '../src/contracts/steps.ts';

/**
 * The outcome, when it is good news. The Temporal UI calls every update that returns successful, so
 * a refusal must fail the update; the failure fails nothing else, and its message is what is shown.
 *
 * @throws ApplicationFailure of the refusal's code
 */
export function answerPerson(outcome: StepOutcome): StepOutcome {
  throwRefusal(outcome);
  if (outcome.outcome === 'not_found') {
    throw sentenceFor('The ledger has no group of this id.', 'GROUP_NOT_FOUND');
  }
  return outcome;
}

/** Throws what a person reads where an act was refused, or its update id was used before. */
export function throwRefusal(outcome: StepOutcome | PayoutOutcome): void {
  if (outcome.outcome === 'refused') {
    const { code, detail } = outcome.refusal;
    throw sentenceFor(`Refused: ${code}. ${detail}`, code);
  }
  if (outcome.outcome === 'key_reused') {
    throw sentenceFor(
      'This update id was used for another request. Send it with another update id, or none.',
      'IDEMPOTENCY_KEY_REUSED',
    );
  }
}

/** A failure that is an answer: no stack, which would point at code where nothing is wrong. */
export function sentenceFor(message: string, code: string): ApplicationFailure {
  const failure = ApplicationFailure.create({
    message,
    type: code,
    nonRetryable: true,
    category: 'BENIGN',
  });
  failure.stack = '';
  return failure;
}

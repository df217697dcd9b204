import { ApplicationFailure } from '@temporalio/common';
import { describe, expect, it } from 'vitest';
import type { StepOutcome } from '../../src/contracts/steps.ts';
import { answerPerson } from '../../workflows/personAnswers.ts';

/** What a person reads, and the type of the failure; null where it is good news. */
function said(outcome: StepOutcome): [string, string | null | undefined] | null {
  try {
    answerPerson(outcome);
    return null;
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    return [error.message, error.type];
  }
}

describe('what a person at the Temporal UI is answered', () => {
  it('is a failed update where the ledger refused, in its words', () => {
    const refusal = { code: 'UNBALANCED_GROUP', detail: 'The EUR legs sum to -10.' } as const;
    const refused = { replayed: false, frozen: true, groupStatus: 'IN_PROGRESS', group: null };
    expect(said({ outcome: 'refused', ...refused, refusal } as StepOutcome)).toEqual([
      'Refused: UNBALANCED_GROUP. The EUR legs sum to -10.',
      'UNBALANCED_GROUP',
    ]);
  });

  it('is a failed update where its id stands for another request, or for no group', () => {
    const reused = { outcome: 'key_reused', stored: {}, asked: {}, groupStatus: null } as const;
    expect(said(reused)?.[1]).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(said({ outcome: 'not_found' })?.[1]).toBe('GROUP_NOT_FOUND');
  });

  it('is the outcome where it took effect', () => {
    const done = { outcome: 'done', replayed: false, groupStatus: 'SETTLED' } as StepOutcome;
    expect(said(done)).toBeNull();
    expect(answerPerson(done)).toBe(done);
  });
});

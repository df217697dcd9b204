import type { StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type AnyStepInput, canonicalRequest, type LedgerVerb } from './requests.ts';
import { outcomeOf } from './step.ts';

/**
 * What the step answered when it was first decided, for ever; null where it was not decided yet.
 * A plain read: null says nothing about a step that is being written now.
 */
export async function replay(
  db: Db,
  verb: LedgerVerb,
  input: AnyStepInput,
): Promise<StepOutcome | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'ledger_replay',
      text: 'select ledger_replay($1, $2) as answer',
      values: [input.groupId, input.stepKey],
    }),
  );
  const answer = rows[0]?.answer ?? null;
  return answer === null ? null : outcomeOf(answer, canonicalRequest(verb, input));
}

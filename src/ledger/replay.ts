import type { StepInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type AnyStepInput, canonicalRequest, type LedgerVerb } from './requests.ts';
import { outcomeOf } from './step.ts';

/** What a key stands for, compared with what is asked under it now. */
export type Decided = (verb: LedgerVerb, input: AnyStepInput) => StepOutcome;

/**
 * What was decided under a key; null where nothing was. One read, however many readings of the
 * request are then compared with it. Null says nothing about a step that is being written now.
 */
export async function decidedUnder(
  db: Db,
  { groupId, stepKey }: Pick<StepInput, 'groupId' | 'stepKey'>,
): Promise<Decided | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'ledger_replay',
      text: 'select ledger_replay($1, $2) as answer',
      values: [groupId, stepKey],
    }),
  );
  const answer = rows[0]?.answer ?? null;
  if (answer === null) return null;
  return (verb, input) => outcomeOf(answer, canonicalRequest(verb, input));
}

/** What the step answered when it was first decided, for ever; null where it was not so far. */
export async function replay(
  db: Db,
  verb: LedgerVerb,
  input: AnyStepInput,
): Promise<StepOutcome | null> {
  const decided = await decidedUnder(db, input);
  return decided === null ? null : decided(verb, input);
}

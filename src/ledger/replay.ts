import type { StepInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type AnyStepInput, canonicalRequest, type LedgerVerb } from './requests.ts';
import { outcomeOf } from './step.ts';

/** What a key stands for, compared with what is asked under it now. */
export type Decided = (verb: LedgerVerb, input: AnyStepInput) => StepOutcome;

/**
 * What was decided under a key; null where nothing was, which says nothing about a step that is
 * being written now. One read, however many readings of the request are then compared with it.
 *
 * @returns also the time by the database's clock, in milliseconds since the epoch
 */
export async function decidedUnder(
  db: Db,
  { groupId, stepKey }: Pick<StepInput, 'groupId' | 'stepKey'>,
): Promise<{ decided: Decided | null; now: number }> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'ledger_decided_under',
      text: `select ledger_replay($1, $2) as answer,
        extract(epoch from clock_timestamp()) * 1000 as now`,
      values: [groupId, stepKey],
    }),
  );
  const { answer = null, now } = rows[0] ?? {};
  const decided: Decided = (verb, input) => outcomeOf(answer, canonicalRequest(verb, input));
  return { decided: answer === null ? null : decided, now: Number(now) };
}

/** What the step answered when it was first decided, for ever; null where it was not so far. */
export async function replay(
  db: Db,
  verb: LedgerVerb,
  input: AnyStepInput,
): Promise<StepOutcome | null> {
  const { decided } = await decidedUnder(db, input);
  return decided === null ? null : decided(verb, input);
}

import type { ActInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { databaseTimeAt } from './databaseClock.ts';
import { type AnyStepInput, canonicalRequest, type LedgerVerb } from './requests.ts';
import { outcomeOf } from './step.ts';

/**
 * Refuses an act after its `acceptBy` with NOT_ACCEPTED_IN_TIME, stored under its key; one that was
 * decided before answers as it did then. Null: it is in time. The database is asked only where it
 * seems late by its clock, as far as this process knows that, so acts in time cost nothing.
 */
export async function refuseLate(
  db: Db,
  verb: LedgerVerb,
  input: AnyStepInput & ActInput,
  now = Date.now(),
): Promise<StepOutcome | null> {
  const { groupId, stepKey, actor, acceptBy } = input;
  if (!acceptBy || (await databaseTimeAt(db, now)) <= Date.parse(acceptBy)) return null;
  const request = canonicalRequest(verb, input);
  const { rows } = await withRetry(() =>
    db.query({
      name: 'ledger_refuse_late',
      text: 'select ledger_refuse_late($1, $2, $3, $4, $5) as answer',
      values: [groupId, stepKey, actor.name, JSON.stringify(request), acceptBy],
    }),
  );
  const answer = rows[0]?.answer ?? null;
  return answer === null ? null : outcomeOf(answer, request);
}

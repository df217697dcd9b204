import type { GiveBackInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/**
 * One client's yes to a withdrawal; the last one that is needed lets it go on, one that nobody
 * asked for is noted. Called by the API alone, never by an activity: `actor.name` is taken for who
 * it says, so it has to come from an authenticated call.
 *
 * Refuses with FORBIDDEN (not stored) the client that asked and one that has approved before; with
 * DESTINATION_NOT_ALLOWED (not stored) where the destination was taken from the list; else with
 * WRONG_KIND, GROUP_NOT_OPEN (past its deadline the withdrawal ends here), MAY_BE_ON_CHAIN.
 */
export function approve(db: Db, input: GiveBackInput): Promise<StepOutcome> {
  return runStep(db, 'approve', input, { name: 'ledger_approve', values: [input.reason] });
}

import type { GiveBackInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/**
 * A no to a withdrawal of which nothing was signed or paid: all of it is given back (CANCELLED)
 * with the reason. As `approve`, called by the API alone; the client that asked may reject.
 *
 * Refuses with WRONG_KIND, GROUP_NOT_OPEN, MAY_BE_ON_CHAIN.
 */
export function reject(db: Db, input: GiveBackInput): Promise<StepOutcome> {
  return runStep(db, 'reject', input, { name: 'ledger_reject', values: [input.reason] });
}

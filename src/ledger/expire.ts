import type { ExpireInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/**
 * Cancels a group whose deadline passed, with the reason EXPIRED. Before it, or for a deadline that
 * was moved: `not_due`, nothing stored. A withdrawal is ended before signing only; a chainless one
 * never (see `markStuck`). Its refusals are not stored.
 */
export function expire(db: Db, input: ExpireInput): Promise<StepOutcome> {
  return runStep(db, 'expire', input, { name: 'ledger_expire', values: [input.expiresAt] });
}

import type { ExpireInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/** Marks a chainless withdrawal past its deadline as `stuck`; it stays held. Else as `expire`. */
export function markStuck(db: Db, input: ExpireInput): Promise<StepOutcome> {
  return runStep(db, 'markStuck', input, { name: 'ledger_mark_stuck', values: [input.expiresAt] });
}

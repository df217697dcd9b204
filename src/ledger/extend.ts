import type { ExtendInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/** Moves the deadline of an open transfer to `expiresIn` seconds from now. */
export function extend(db: Db, input: ExtendInput): Promise<StepOutcome> {
  return runStep(db, 'extend', input, { name: 'ledger_extend', values: [input.expiresIn] });
}

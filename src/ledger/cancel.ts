import type { GiveBackInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/** Gives back all that a transfer still holds, before its conditions were met. */
export function cancel(db: Db, input: GiveBackInput): Promise<StepOutcome> {
  return runStep(db, 'cancel', input, {
    name: 'ledger_end_transfer',
    values: ['CANCELLED', input.reason, input.freeze ?? true],
  });
}

import type { GiveBackInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/** Takes back what is still pending of a chainless deposit. */
export function cancelDeposit(db: Db, input: GiveBackInput): Promise<StepOutcome> {
  return runStep(db, 'cancelDeposit', input, {
    name: 'ledger_cancel_deposit',
    values: [input.reason],
  });
}

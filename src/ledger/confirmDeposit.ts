import { canonicalAmount } from '../contracts/amounts.ts';
import type { CaptureInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/** Makes a chainless deposit available: all that is pending, or `amount` of it. */
export function confirmDeposit(db: Db, input: CaptureInput): Promise<StepOutcome> {
  return runStep(db, 'confirmDeposit', input, {
    name: 'ledger_confirm_deposit',
    values: [input.amount === null ? null : canonicalAmount(input.amount), input.final],
  });
}

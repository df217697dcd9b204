import { canonicalAmount } from '../contracts/amounts.ts';
import type { ReleaseWithdrawalInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/**
 * Gives back a withdrawal: all that remains, fee included, or `amount` of the principal. On a chain
 * only while no signing began, else MAY_BE_ON_CHAIN.
 */
export function releaseWithdrawal(db: Db, input: ReleaseWithdrawalInput): Promise<StepOutcome> {
  return runStep(db, 'releaseWithdrawal', input, {
    name: 'ledger_release_withdrawal',
    values: [
      input.reason,
      input.amount === null ? null : canonicalAmount(input.amount),
      input.final,
    ],
  });
}

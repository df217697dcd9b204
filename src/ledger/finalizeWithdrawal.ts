import { canonicalAmount } from '../contracts/amounts.ts';
import type { CaptureInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/**
 * Books that a chainless withdrawal arrived: all of it, or `amount` of the principal. The fee goes
 * with the last part; `final` gives the rest of the principal back.
 */
export function finalizeWithdrawal(db: Db, input: CaptureInput): Promise<StepOutcome> {
  return runStep(db, 'finalizeWithdrawal', input, {
    name: 'ledger_finalize_withdrawal',
    values: [
      input.amount === null ? null : canonicalAmount(input.amount),
      input.final,
      input.txid ?? null,
    ],
  });
}

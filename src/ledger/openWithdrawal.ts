import { canonicalAmount } from '../contracts/amounts.ts';
import type { OpenWithdrawalInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/**
 * Opens a withdrawal of any asset: amount and fee are held, its state is `held`. The destination is
 * taken as it comes; whoever knows the chain has checked it.
 */
export function openWithdrawal(db: Db, input: OpenWithdrawalInput): Promise<StepOutcome> {
  return runStep(db, 'openWithdrawal', input, {
    name: 'ledger_open_withdrawal',
    takesAdmin: true,
    values: [
      input.client,
      input.wallet,
      canonicalAmount(input.amount),
      input.destination,
      input.feeMode,
      input.maxFee === null ? null : canonicalAmount(input.maxFee),
      input.riskMeta === null ? null : JSON.stringify(input.riskMeta),
      input.expiresIn,
      JSON.stringify(input.metadata),
      input.acceptBy,
      input.reference ?? null,
    ],
  });
}

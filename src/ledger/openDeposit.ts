import { canonicalAmount } from '../contracts/amounts.ts';
import type { OpenDepositInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/**
 * Opens a chainless deposit: the amount stands in `pendingIn` until it is confirmed. The same
 * (asset, source, txid, ordinal) under another key is `done` with the first group, whose id then
 * differs from the one asked for; with another wallet or amount DEPOSIT_EXISTS.
 */
export function openDeposit(db: Db, input: OpenDepositInput): Promise<StepOutcome> {
  return runStep(db, 'openDeposit', input, {
    name: 'ledger_open_deposit',
    takesAdmin: true,
    values: [
      input.client,
      input.wallet,
      canonicalAmount(input.amount),
      input.txid,
      input.ordinal,
      input.source,
      JSON.stringify(input.metadata),
      input.acceptBy,
    ],
  });
}

import { canonicalAmount } from '../contracts/amounts.ts';
import type { ReverseInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { legAmountArrays } from './settle.ts';
import { runStep } from './step.ts';

/**
 * Books the opposite of what settled in `reverses` as a new group, at once. `amount` fits groups of
 * one debit and one credit leg; neither amount nor legs: all that is left. Per leg all reversals
 * together never exceed what settled. A transfer with a leg of a system wallet goes back for an
 * admin alone. `not_found` speaks of the group to reverse.
 */
export function reverse(db: Db, input: ReverseInput): Promise<StepOutcome> {
  return runStep(db, 'reverse', input, {
    name: 'ledger_reverse',
    takesAdmin: true,
    values: [
      input.reverses,
      input.client,
      input.amount === null ? null : canonicalAmount(input.amount),
      ...legAmountArrays(input.legs),
      input.reason,
      input.acceptBy,
    ],
  });
}

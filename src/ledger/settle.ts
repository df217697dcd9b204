import type { LegAmount, SettleInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { canonicalLegAmounts } from './requests.ts';
import { runStep } from './step.ts';

/** Amounts of legs as two parallel arrays; nulls where no leg is named. */
export function legAmountArrays(legs: LegAmount[] | null): [number[] | null, string[] | null] {
  const parts = canonicalLegAmounts(legs);
  if (parts === null) return [null, null];
  return [parts.map(({ leg }) => leg), parts.map(({ amount }) => amount)];
}

/**
 * Settles a transfer: everything held, or the named part of each leg; `final` gives the rest back.
 * What is captured must sum to zero per asset, else UNBALANCED_GROUP. At or past the deadline the
 * group is cancelled instead, and this is refused.
 */
export function settle(db: Db, input: SettleInput): Promise<StepOutcome> {
  const values = [input.final, input.freeze ?? true];
  return runStep(db, 'settle', input, {
    name: 'ledger_settle',
    values: [...legAmountArrays(input.legs), ...values],
    ...(input.legs === null ? { shared: { kind: 'settle' as const, values } } : {}),
  });
}

import { canonicalAmount } from '../contracts/amounts.ts';
import type { LegInput, OpenTransferInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/** New legs as four parallel arrays: wallets, types, amounts, assets (null where not named). */
export function legArrays(legs: LegInput[]): unknown[] {
  return [
    legs.map(({ wallet }) => wallet),
    legs.map(({ type }) => type),
    legs.map(({ amount }) => canonicalAmount(amount)),
    legs.map(({ asset }) => asset ?? null),
  ];
}

/**
 * Opens a transfer: `immediate` is held and settled in one transaction, all or nothing; `manual` is
 * held until somebody acts or the deadline passes. A refusal leaves a CANCELLED group behind, with
 * the code as its reason and no entries.
 */
export function openTransfer(db: Db, input: OpenTransferInput): Promise<StepOutcome> {
  return runStep(db, 'openTransfer', input, {
    name: 'ledger_open_transfer',
    takesAdmin: true,
    values: [
      input.client,
      input.settle === 'immediate',
      input.expiresIn,
      input.reference,
      JSON.stringify(input.metadata),
      input.acceptBy,
      ...legArrays(input.legs),
    ],
  });
}

import { canonicalAmount } from '../contracts/amounts.ts';
import type { LegInput, OpenTransferInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/** New legs as four parallel arrays: wallets, types, amounts, assets (null where not named). */
export function legArrays(legs: LegInput[]): unknown[][] {
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
  const values = [
    input.client,
    input.settle === 'immediate',
    input.expiresIn,
    input.reference,
    JSON.stringify(input.metadata),
    input.acceptBy,
  ];
  const pair = pairOf(input.legs);
  if (pair === null) {
    return runStep(db, 'openTransfer', input, {
      name: 'ledger_open_transfer',
      takesAdmin: true,
      values: [...values, ...legArrays(input.legs)],
      wallets: input.legs.map(({ wallet }) => wallet),
    });
  }
  return runStep(db, 'openTransfer', input, {
    name: 'ledger_open_transfer_pair',
    takesAdmin: true,
    values: [...values, ...pair],
    shared: { kind: 'open', values: [...values, ...pair] },
  });
}

/**
 * The common transfer: debited and credited wallet, the debit leg's number and the amount, where
 * these are all that the legs say; else null.
 */
function pairOf(legs: LegInput[]): unknown[] | null {
  const debit = legs.find(({ type }) => type === 'DEBIT');
  const credit = legs.find(({ type }) => type === 'CREDIT');
  if (legs.length !== 2 || !debit || !credit || debit.wallet === credit.wallet) return null;
  if (debit.asset != null || credit.asset != null) return null;
  const amount = canonicalAmount(debit.amount);
  if (amount !== canonicalAmount(credit.amount)) return null;
  return [debit.wallet, credit.wallet, debit === legs[0] ? 1 : 2, amount];
}

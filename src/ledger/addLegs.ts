import type { AddLegsInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { legArrays } from './openTransfer.ts';
import { runStep } from './step.ts';

/** Holds more legs in an open transfer, all or none; they are numbered on from the last one. */
export function addLegs(db: Db, input: AddLegsInput): Promise<StepOutcome> {
  return runStep(db, 'addLegs', input, {
    name: 'ledger_add_legs',
    takesAdmin: true,
    values: legArrays(input.legs),
    wallets: input.legs.map(({ wallet }) => wallet),
  });
}

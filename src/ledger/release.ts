import type { GiveBackInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/** Gives back all that a transfer still holds, after its conditions were met or in a dispute. */
export function release(db: Db, input: GiveBackInput): Promise<StepOutcome> {
  return runStep(db, 'release', input, {
    name: 'ledger_end_transfer',
    values: ['RELEASED', input.reason, input.freeze ?? true],
  });
}

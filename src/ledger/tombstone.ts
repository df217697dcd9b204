import type { StepOutcome, TombstoneInput } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/**
 * Cancels a group that may not be there yet: where it is not, a CANCELLED one is written, so that
 * its late first step is refused. An open transfer is cancelled; other open groups refuse, as they
 * do for `cancel`.
 */
export function tombstone(db: Db, input: TombstoneInput): Promise<StepOutcome> {
  return runStep(db, 'tombstone', input, {
    name: 'ledger_tombstone',
    values: [input.kind, input.client, input.reason],
  });
}

import { canonicalAmount } from '../contracts/amounts.ts';
import type { ReplaceAttemptInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { runStep } from './step.ts';

/**
 * Asks for another attempt with a higher fee in the place of one that is in no block. Refused with
 * WRONG_KIND where nothing was signed, CHAIN_DECIDES where a block has one.
 */
export function speedUp(db: Db, input: ReplaceAttemptInput): Promise<StepOutcome> {
  return replaceAttempt(db, 'speedUp', 'speed_up', input);
}

/** Asks for the cancellation of a payment that is in no block. Refused as `speedUp` is. */
export function cancelOnChain(db: Db, input: ReplaceAttemptInput): Promise<StepOutcome> {
  return replaceAttempt(db, 'cancelOnChain', 'cancel', input);
}

function replaceAttempt(
  db: Db,
  verb: 'speedUp' | 'cancelOnChain',
  kind: 'speed_up' | 'cancel',
  input: ReplaceAttemptInput,
): Promise<StepOutcome> {
  const maxFee = input.maxFee === null ? null : canonicalAmount(input.maxFee);
  return runStep(db, verb, input, { name: 'ledger_replace_attempt', values: [kind, maxFee] });
}

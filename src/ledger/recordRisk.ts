import type { RecordRiskInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { runStep } from './step.ts';

/**
 * Stores the risk check's verdict on a withdrawal, once: a second one is answered with the first.
 * `deny` gives the money back with the reason RISK_DENIED, `review` asks for one approval at least.
 */
export function recordRisk(db: Db, input: RecordRiskInput): Promise<StepOutcome> {
  return runStep(db, 'recordRisk', input, {
    name: 'ledger_record_risk',
    values: [input.verdict, input.reason],
  });
}

/**
 * Whether withdrawals that are opened from now on need a verdict. Stored, so that a process that
 * does not know where to ask lets nothing pass either.
 */
export async function requireRiskCheck(db: Db, required: boolean): Promise<void> {
  const text = required
    ? 'insert into risk_gate default values on conflict do nothing'
    : 'delete from risk_gate';
  await withRetry(() => db.query(text));
}

/** Payout runs for tests: short inputs, and the whole of a run's lines. */
import { payoutRunId, stepKey } from '../../src/contracts/ids.ts';
import type {
  OpenPayoutRunInput,
  PayoutLine,
  PayoutLineInput,
  PayoutOutcome,
  PayoutRun,
} from '../../src/contracts/payouts.ts';
import type { Db } from '../../src/db/pool.ts';
import { listPayoutLines } from '../../src/ledger/payoutLists.ts';

const CLIENT = 'shop';

/** Input of a run under the client of the tests. */
export function runInput(
  key: string,
  wallet: string,
  lines: PayoutLineInput[],
  changes: Partial<OpenPayoutRunInput> = {},
): OpenPayoutRunInput {
  return {
    runId: payoutRunId(CLIENT, key),
    stepKey: stepKey('create', CLIENT, key),
    actor: { name: CLIENT, admin: false },
    client: CLIENT,
    wallet,
    lines,
    reference: null,
    metadata: {},
    ...changes,
  };
}

/** The run of an outcome that must be `done`. */
export function doneRun(outcome: PayoutOutcome | { outcome: 'unavailable' }): PayoutRun {
  if (outcome.outcome !== 'done') throw new Error(`not done: ${JSON.stringify(outcome)}`);
  return outcome.run;
}

/** All lines of a run, page by page. */
export async function allLines(db: Db, runId: string): Promise<PayoutLine[]> {
  const lines: PayoutLine[] = [];
  for (let cursor: string | null = null; ; ) {
    const page = await listPayoutLines(db, runId, {}, { limit: 200, cursor });
    lines.push(...page.data);
    cursor = page.nextCursor;
    if (cursor === null) return lines;
  }
}

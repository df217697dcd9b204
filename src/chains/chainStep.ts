/** Steps that the chain decides: ledger functions that may also answer "not yet". */
import type { GroupStatus } from '../contracts/resources.ts';
import type { StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/** The step cannot be taken now. Nothing was stored, it may be tried again at any time. */
export interface Waiting {
  outcome: 'waiting';
  /** In a sentence, for people. */
  why: string;
  /** Null: there is no group yet. */
  groupStatus: GroupStatus | null;
}

export type Decided = Extract<StepOutcome, { outcome: 'done' | 'refused' }>;
export type ChainStepOutcome = Decided | Waiting;

/** Who takes these steps, in the timeline. */
export const CHAIN_ACTOR = 'chain';

/**
 * Calls one of the chain's ledger functions, which read what they book from the chain's own rows:
 * there is no request that could differ between two calls.
 *
 * @throws where the database is away, or an invariant broke (SQLSTATE class HF)
 */
export async function callChainStep(
  db: Db,
  name: string,
  values: unknown[],
): Promise<ChainStepOutcome> {
  const marks = values.map((_, at) => `$${at + 1}`).join(', ');
  const query = { name, text: `select ${name}(${marks}) as answer`, values };
  const { rows } = await withRetry(() => db.query(query));
  const answer = rows[0]?.answer;
  if (!answer) throw new Error(`${name} answered nothing`);
  return readAnswer(answer);
}

/** An answer of such a function as an outcome: without the request that a replay carries along. */
export function readAnswer(answer: Waiting | (Decided & { request?: unknown })): ChainStepOutcome {
  if (answer.outcome === 'waiting') return answer;
  const { request: _, ...outcome } = answer;
  return { ...outcome, replayed: answer.replayed ?? false };
}

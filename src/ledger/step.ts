/** One round trip of one step: call the ledger function, read its answer. */
import type { Group, GroupStatus } from '../contracts/resources.ts';
import type { Refusal, StepInput, StepOutcome } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type AnyStepInput, canonicalRequest, type LedgerVerb, sameRequest } from './requests.ts';
import type { SharedStep, StepDb } from './stepQueue.ts';

/** What a ledger function returns: an outcome, and on a hit the request that it was given to. */
type Answer = (
  | { outcome: 'done'; groupStatus: GroupStatus; group: Group }
  | {
      outcome: 'refused';
      frozen: boolean;
      groupStatus: GroupStatus;
      refusal: Refusal;
      group: Group | null;
    }
  | { outcome: 'not_due'; expiresAt: string; groupStatus: GroupStatus }
  | { outcome: 'not_found' }
) & { replayed?: true; request?: unknown };

/** A call of a ledger function: its name and its arguments after the step's own four. */
export interface StepCall {
  /** The SQL function. */
  name: string;
  /** What stands after group id, step key, actor's name and, where `admin`, his right. */
  values: unknown[];
  /** True where the function also takes whether the actor is an admin. */
  takesAdmin?: boolean;
  /** Where it may share a transaction: the kind of step that it is there, and its values. */
  shared?: Pick<SharedStep, 'kind' | 'values'> | undefined;
  /** The wallets of the legs that it writes, where these are named: many take their turn. */
  wallets?: string[];
}

/**
 * Calls the function of a step and maps its answer. Deadlocks, lost races and lost connections are
 * tried again here: the op row makes a repeated call answer what the first one did.
 *
 * @throws where the database is away, or an invariant broke (SQLSTATE class HF)
 */
export async function runStep(
  db: Db,
  verb: LedgerVerb,
  input: AnyStepInput,
  call: StepCall,
): Promise<StepOutcome> {
  const { groupId, stepKey, actor }: StepInput = input;
  const request = canonicalRequest(verb, input);
  const by = [groupId, stepKey, actor.name];
  const rights = call.takesAdmin ? [actor.admin] : [];
  const asked = JSON.stringify(request);
  const alone = () => ask(db, [...by, ...rights, asked, ...call.values], call);
  const { steps }: StepDb = db;
  const turn = steps?.large(groupId, call.wallets);
  if (turn) return outcomeOf(await turn(alone), request);
  const { kind, values = [] } = call.shared ?? {};
  if (steps && kind) {
    const shared = { kind, common: [...by, asked], values: [...rights, ...values] };
    return outcomeOf(await steps.answer(shared, alone), request);
  }
  return outcomeOf(await alone(), request);
}

async function ask(db: Db, values: unknown[], { name }: StepCall): Promise<Answer> {
  const marks = values.map((_, index) => `$${index + 1}`).join(', ');
  const query = { name, text: `select ${name}(${marks}) as answer`, values };
  const { rows } = await withRetry(() => db.query<{ answer: Answer | string }>(query));
  const answer = rows[0]?.answer;
  if (answer === undefined) throw new Error(`${name} answered nothing`);
  // Some write it as text: to make that JSON in the database would be to parse it twice.
  return typeof answer === 'string' ? JSON.parse(answer) : answer;
}

/** Maps an answer, fresh or stored; a stored one is compared with what is asked now. */
export function outcomeOf(answer: Answer, asked: unknown): StepOutcome {
  const { replayed = false, request: stored, ...outcome } = answer;
  if (replayed && !sameRequest(stored, asked)) {
    const groupStatus = 'groupStatus' in outcome ? outcome.groupStatus : null;
    return { outcome: 'key_reused', stored, asked, groupStatus };
  }
  if (outcome.outcome === 'done' || outcome.outcome === 'refused') return { ...outcome, replayed };
  return outcome;
}

/**
 * The order in which acts at once took effect. The ledger stamps each decision while it holds the
 * locks that the decision needs, so acts that could disturb each other have stamps in their order.
 * Steps that share a call share its stamp, and stand in the order in which they took effect.
 */
import { expect } from 'vitest';
import type { StepOutcome } from '../../src/contracts/steps.ts';
import type { TestDatabase } from '../support/testDatabase.ts';
import { type Call, isStep, type StepCall, type Told } from './calls.ts';
import type { Run } from './picks.ts';

interface Ran {
  call: Call;
  told: Told;
}

/** One thing that the ledger wrote down as having happened. */
interface Event {
  call: Call;
  told: Told;
}

/** Lets what happened happen to the model, in the ledger's order; then asks after every answer. */
export async function expectSomeOrder(db: TestDatabase, run: Run, ran: Ran[]): Promise<void> {
  const { model } = run;
  for (const { call, told } of await eventsOf(db, run, ran)) {
    try {
      model.learn(call, told);
    } catch (error) {
      throw new Error(`${JSON.stringify(call)}\n${(error as Error).message}`, { cause: error });
    }
  }
  for (const { call, told } of ran)
    if (isStep(call)) expectFirstAnswer(run, call, told as StepOutcome);
}

/** Whoever asked under a key that has an answer was told that answer, or that the key is taken. */
function expectFirstAnswer({ model }: Run, call: StepCall, told: StepOutcome): void {
  const stored = model.answered.get(`${call.input.groupId} ${call.input.stepKey}`);
  const isStoredKind = told.outcome === 'done' || (told.outcome === 'refused' && told.frozen);
  if (isStoredKind) expect(stored, JSON.stringify(call)).toBeDefined();
  if (told.outcome === 'key_reused') expect(stored).toBeDefined();
  if (!stored?.first || !isStoredKind) return;
  expect(told).toEqual({ ...stored.first, replayed: (told as { replayed: boolean }).replayed });
}

async function eventsOf(db: TestDatabase, { model, tag }: Run, ran: Ran[]): Promise<Event[]> {
  const { rows } = await db.pool.query(
    `select o.group_id || ' ' || o.step_key as key, o.group_id, o.step_key,
       o.created_at::text as at,
       o.answer::jsonb || '{"replayed": false}' as answer, o.ctid as place
     from operations o join transfer_groups g on g.id = o.group_id where g.client = $1
     union all
     select o.group_id || ' ' || o.step_key, o.group_id, o.step_key, o.created_at::text,
       o.answer::jsonb || '{"replayed": false}', o.ctid
     from operations o where o.actor = $1
       and not exists (select from transfer_groups g where g.id = o.group_id)
     union all
     select null, c.wallet_id, c.status::text, c.created_at::text, '{"outcome": "done"}', null
     from wallet_status_changes c where c.wallet_id like $1 || ':%'
     order by at, place`,
    [tag],
  );
  const seen = model.statusChanges;
  const events: Event[] = [];
  let changes = 0;
  for (const { key, group_id, step_key, answer } of rows) {
    if (key === null) {
      changes += 1;
      if (changes > seen) {
        const call = { verb: 'setStatus' as const, wallet: group_id, status: step_key };
        events.push({ call, told: answer });
      }
    } else if (!model.answered.has(key)) {
      events.push({ call: callOfRow(ran, group_id, step_key, answer), told: answer });
    }
  }
  model.statusChanges = changes;
  return events;
}

/** The call that a row answers: the one that was not told that its key means something else. */
function callOfRow(ran: Ran[], groupId: string, stepKey: string, answer: StepOutcome): StepCall {
  const found = ran.find(
    ({ call, told }) =>
      isStep(call) &&
      call.input.groupId === groupId &&
      call.input.stepKey === stepKey &&
      told.outcome === answer.outcome,
  );
  if (found) return found.call as StepCall;
  // An act that found the deadline past wrote the deadline's own act before its refusal.
  expect(stepKey).toMatch(/^~expire:/);
  const expiresAt = stepKey.slice('~expire:'.length);
  const input = { groupId, stepKey, actor: { name: 'ledger', admin: false }, expiresAt };
  return { verb: 'expire', input };
}

import { beforeAll, describe, expect, it } from 'vitest';
import { actInput, holdInput, leg, transferInput } from './inputs.ts';
import { createWorld, doneGroup, WAIT_MS, type World, wallet } from './world.ts';

/**
 * What a saga costs: round trips to Postgres, workflow tasks, events of its history. A change that
 * costs more has to say so here. What each round trip costs inside the database stands in
 * `test/ledger/budget.test.ts`.
 */
let world: World;
beforeAll(async () => {
  world = await createWorld();
});

/**
 * A gateway that hears nothing for a while looks at the op row too, so a machine that stood still
 * in the middle adds looks. A cost that came with the code is there in each of these tries.
 */
const STANDSTILLS = { retry: 3 };
/** A try of its own key. */
let tries = 0;
const keyOf = (name: string) => `${name} ${++tries}`;

/** The names of the steps, without the words around a transaction; see `aheadOfStart.test.ts`. */
const stepsAsked = () => world.db.queries.filter((name) => name.startsWith('ledger_'));

/** Names of a history's events, such as `markerRecorded`. */
async function eventsOf(workflowId: string): Promise<string[]> {
  const handle = world.sagas.client.workflow.getHandle(workflowId);
  await handle.result();
  const { events } = await handle.fetchHistory();
  return (events ?? []).map((event) => {
    const [, name] = /^(\w+)EventAttributes$/.exec(
      Object.keys(event).find((key) => key.endsWith('EventAttributes')) ?? '',
    ) as RegExpExecArray;
    return name!;
  });
}

describe('the budget of a saga', STANDSTILLS, () => {
  it('is one round trip, one task and seven events for an immediate transfer', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = transferInput(keyOf('budget'), [leg(from, 'DEBIT', '1'), leg(to, 'CREDIT', '1')]);
    world.db.queries.length = 0;
    doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
    expect(await eventsOf(input.groupId)).toEqual([
      'workflowExecutionStarted',
      'workflowTaskScheduled',
      'workflowTaskStarted',
      'workflowTaskCompleted',
      'markerRecorded', // openTransfer
      'upsertWorkflowSearchAttributes', // SETTLED, and the assets of the legs
      'workflowExecutionCompleted',
    ]);
    expect(stepsAsked()).toEqual(['ledger_open_transfer_pair']);
  });

  it('is two round trips, two tasks and sixteen events for hold and settle', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = holdInput(keyOf('budget of two'), from, to, '1');
    world.db.queries.length = 0;
    doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
    const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
    doneGroup(await world.sagas.gateway.act('settle', settle, WAIT_MS));
    expect(await eventsOf(input.groupId)).toEqual([
      'workflowExecutionStarted',
      'workflowTaskScheduled',
      'workflowTaskStarted',
      'workflowTaskCompleted',
      'markerRecorded', // openTransfer
      'upsertWorkflowSearchAttributes', // the assets of the legs
      'timerStarted', // the deadline
      'workflowTaskScheduled',
      'workflowTaskStarted',
      'workflowTaskCompleted',
      'workflowExecutionUpdateAccepted',
      'markerRecorded', // settle
      'workflowExecutionUpdateCompleted',
      'timerCanceled',
      'upsertWorkflowSearchAttributes', // SETTLED
      'workflowExecutionCompleted',
    ]);
    expect(stepsAsked()).toEqual(['ledger_open_transfer_pair', 'ledger_settle']);
  });

  it('is an event less where the caller knows the assets', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const input = holdInput(keyOf('known assets'), from, to, '1');
    doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS, ['USD']));
    const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
    doneGroup(await world.sagas.gateway.act('settle', settle, WAIT_MS));
    expect(await eventsOf(input.groupId)).toHaveLength(15);
  });

  it('is an event less where the legs name their assets', async () => {
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    const legs = [leg(from, 'DEBIT', '1'), leg(to, 'CREDIT', '1')];
    const named = legs.map((each) => ({ ...each, asset: 'USD' }));
    const input = transferInput(keyOf('named assets'), named, { settle: 'manual', expiresIn: 60 });
    doneGroup(await world.sagas.gateway.start('transfer', input, WAIT_MS));
    const settle = actInput<'settle'>('settle', input.groupId, '1', { legs: null, final: true });
    doneGroup(await world.sagas.gateway.act('settle', settle, WAIT_MS));
    expect(await eventsOf(input.groupId)).toHaveLength(15);
  });
});

import type {
  Workflow,
  WorkflowCreateOptions,
  WorkflowCreator,
} from '@temporalio/worker/lib/workflow/interface.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { StepInput, StepOutcome } from '../../src/contracts/steps.ts';
import type { Connection } from '../../src/db/pool.ts';
import { createHeadStarts } from '../../src/temporal/headStart.ts';
import { beginSteps } from '../../src/temporal/stepsOfTasks.ts';
import { heldAfter } from './heap.ts';
import { actInput, holdInput, leg, transferInput } from './inputs.ts';
import { balanceOf, createWorld, doneGroup, WAIT_MS, type World, wallet } from './world.ts';

const input: StepInput = { groupId: 'g', stepKey: 'k', actor: { name: 'c', admin: false } };
const travelling = (value: unknown) => Buffer.from(JSON.stringify(value));
const outcome: StepOutcome = { outcome: 'not_found' };
const run = () => Promise.resolve(outcome);

describe('a head start', () => {
  it('begins the step that was asked for with this very input, and nothing else', async () => {
    const heads = createHeadStarts();
    let begun = 0;
    const { withdraw } = heads.offer('settle', input, () => {
      begun += 1;
      return run();
    });
    heads.begin('cancel', 'g', travelling(input));
    heads.begin('settle', 'h', travelling(input));
    heads.begin('settle', 'g', travelling({ ...input, stepKey: 'other' }));
    expect(begun).toBe(0);
    heads.begin('settle', 'g', travelling(input));
    heads.begin('settle', 'g', travelling(input));
    expect(begun).toBe(1);
    withdraw();
    expect(await heads.take(input)).toBe(outcome);
    heads.begin('settle', 'g', travelling(input));
    expect(begun).toBe(1);
  });

  it('begins once, be it with the answer to the start or with the task', async () => {
    const heads = createHeadStarts();
    let begun = 0;
    const offer = () =>
      heads.offer('settle', input, () => {
        begun += 1;
        return run();
      });
    const first = offer();
    first.begin();
    heads.begin('settle', 'g', travelling(input));
    offer().begin();
    expect(begun).toBe(1);
    expect(await heads.take(input)).toBe(outcome);
    first.begin();
    expect(begun).toBe(1);
  });

  it('is answered once: whoever asks again asks the ledger', async () => {
    const heads = createHeadStarts();
    heads.offer('settle', input, run);
    heads.begin('settle', 'g', travelling(input));
    expect(heads.take({ ...input, stepKey: 'other' })).toBeUndefined();
    expect(await heads.take(input)).toBe(outcome);
    expect(heads.take(input)).toBeUndefined();
  });

  it('is not answered where the saga asks late: the ledger may know more by then', () => {
    let now = 0;
    const heads = createHeadStarts(() => now);
    heads.offer('settle', input, run);
    heads.begin('settle', 'g', travelling(input));
    now = 5_000;
    expect(heads.take(input)).toBeUndefined();
  });

  it('is forgotten with the offer, and where nobody takes the answer after a while', async () => {
    let now = 0;
    const heads = createHeadStarts(() => now);
    const long = 'x'.repeat(1_000);
    const held = await heldAfter(() => {
      for (let n = 0; n < 20_000; n += 1) {
        heads.offer('settle', { ...input, groupId: `group ${n}` }, run).withdraw();
      }
      for (let n = 0; n < 5_000; n += 1) {
        const { begin, withdraw } = heads.offer('settle', { ...input, stepKey: long + n }, run);
        begin();
        withdraw();
        now += 5_000;
      }
    });
    expect(held).toBeLessThan(2_000_000);
  });
});

describe('the steps of a task', () => {
  const opens = {
    initializeWorkflow: { workflowType: 'transfer', arguments: [{ data: travelling(1) }] },
  };
  const settles = { doUpdate: { name: 'settle', input: [{ data: travelling(2) }] } };
  const answered = { resolveActivity: { result: { completed: {} } } };

  /** What is begun, task by task. */
  async function begunBy(
    tasks: object[][],
    { isReplaying = false, workflowType = 'transfer' } = {},
  ): Promise<string[][]> {
    let begun: string[] = [];
    const workflow = { activate: async () => ({}) } as unknown as Workflow;
    const creator: WorkflowCreator = {
      createWorkflow: async () => workflow,
      destroy: async () => {},
    };
    const begins = beginSteps(creator, (step, groupId, argument) => {
      begun.push(`${step} ${groupId} ${Buffer.from(argument)}`);
    });
    const options = { info: { workflowId: 'g', workflowType } } as WorkflowCreateOptions;
    const watched = await begins.createWorkflow(options);
    const all: string[][] = [];
    for (const jobs of tasks) {
      await watched.activate({ jobs, isReplaying });
      all.push(begun);
      begun = [];
    }
    return all;
  }

  it('are the first one, and what an act asks for once that was answered', async () => {
    expect(await begunBy([[opens], [answered], [settles]])).toEqual([
      ['openTransfer g 1'],
      [],
      ['settle g 2'],
    ]);
    expect(await begunBy([[opens], [answered, settles]])).toEqual([
      ['openTransfer g 1'],
      ['settle g 2'],
    ]);
  });

  it('are not those of acts that came before, which wait for the first one', async () => {
    expect(await begunBy([[opens, settles]])).toEqual([['openTransfer g 1']]);
    const failed = { resolveActivity: { result: { backoff: {} } } };
    expect(await begunBy([[opens], [failed, settles]])).toEqual([['openTransfer g 1'], []]);
  });

  it('are none where the saga begins with another step than the request of a client', async () => {
    const tasks = [[answered], [settles]];
    expect(await begunBy(tasks, { workflowType: 'chainReversal' })).toEqual([[], []]);
  });

  it('are none where a history is only read again', async () => {
    expect(await begunBy([[opens], [answered], [settles]], { isReplaying: true })).toEqual([
      [],
      [],
      [],
    ]);
  });
});

/** How often each local activity of a finished saga was tried, as its marker says. */
async function attemptsOf({ sagas }: World, workflowId: string): Promise<number[]> {
  const handle = sagas.client.workflow.getHandle(workflowId);
  await handle.result();
  const { events } = await handle.fetchHistory();
  const markers =
    events?.flatMap(({ markerRecordedEventAttributes: marker }) => marker ?? []) ?? [];
  return markers.map(({ details }) => {
    const [said] = details?.data?.payloads ?? [];
    return JSON.parse(Buffer.from(said?.data ?? []).toString()).attempt as number;
  });
}

/** The pool's next statement of that name is lost. */
function loseOne({ db }: World, name: string): void {
  const { query } = db;
  let broken = 1;
  db.query = ((...args: Parameters<typeof query>) => {
    const [asked] = args as unknown as [{ name?: string }];
    if (asked.name === name && broken-- > 0) {
      db.queries.push('lost');
      return Promise.reject(new Error('The statement was lost.'));
    }
    return query(...args);
  }) as typeof query;
}

/** Nothing that is written ahead is ever committed; the pool itself connects with a callback. */
function loseCommits({ database: { pool } }: World): void {
  const connect = pool.connect.bind(pool) as (...args: unknown[]) => Promise<Connection>;
  const losing = (connection: Connection) => {
    const value = (text: string, ...more: []) =>
      text === 'commit' ? Promise.reject(new Error('lost')) : connection.query(text, ...more);
    return Object.create(connection, { query: { value } });
  };
  pool.connect = ((...args: unknown[]) =>
    args.length > 0 ? connect(...args) : connect().then(losing)) as typeof pool.connect;
}

describe('a saga whose steps had a head start', () => {
  it('runs each step once, before its code has asked, and asks anew after a failure', async () => {
    const world = await createWorld({}, onTestFinished);
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    loseOne(world, 'ledger_settle');
    const hold = holdInput('head start', from, to, '4');
    world.db.queries.length = 0;
    const held = await world.sagas.gateway.start('transfer', hold, WAIT_MS);
    expect(held).toMatchObject({ outcome: 'done', replayed: false });
    const settle = actInput<'settle'>('settle', hold.groupId, '1', { legs: null, final: true });
    const settled = await world.sagas.gateway.act('settle', settle, WAIT_MS);
    expect(settled).toMatchObject({ outcome: 'done', replayed: false });
    // On a busy machine one looks at the op row too, and takes back what was written ahead.
    const asked = world.db.queries.slice(world.db.queries.lastIndexOf('rollback') + 1);
    const steps = asked.filter((name) => /^(lost|ledger_(open|settle))/.test(name));
    expect(steps).toEqual(['ledger_open_transfer_pair', 'lost', 'ledger_settle']);
    // The lost statement was the head start's, so the saga's own requests all went well at once.
    expect(await attemptsOf(world, hold.groupId)).toEqual([1, 1]);
    expect(doneGroup(settled).status).toBe('SETTLED');
    expect((await balanceOf(world, to)).available).toBe('4');
  });

  it('asks the ledger at once where what was written ahead is lost, and not itself', async () => {
    const world = await createWorld({}, onTestFinished);
    const [from, to] = [await wallet(world, '10'), await wallet(world, '0')];
    loseCommits(world);
    loseOne(world, 'ledger_open_transfer_pair');
    const input = transferInput('lost ahead', [leg(from, 'DEBIT', '4'), leg(to, 'CREDIT', '4')]);
    const done = await world.sagas.gateway.start('transfer', input, WAIT_MS);
    expect(done).toMatchObject({ outcome: 'done', replayed: false });
    // The lost statement was not the saga's own.
    expect(world.db.queries).toContain('lost');
    expect(await attemptsOf(world, input.groupId)).toEqual([1]);
  });
});

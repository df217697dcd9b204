/** Calls of Temporal that fail on their way: what the caller is told, and that nothing is lost. */
import { type Client, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLedgerActivities } from '../../activities/ledgerActivities.ts';
import type { SagaGateway } from '../../src/contracts/sagas.ts';
import type { Db } from '../../src/db/pool.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { createLog } from '../../src/observability/log.ts';
import { createStartsAhead } from '../../src/temporal/aheadOfStart.ts';
import { CallTimedOut } from '../../src/temporal/calls.ts';
import { createGateway } from '../../src/temporal/gateway.ts';
import { createHeadStarts } from '../../src/temporal/headStart.ts';
import { createOutcomes } from '../../src/temporal/outcomes.ts';
import { sagaRuns } from '../../src/temporal/repair.ts';
import { actInput, holdInput } from './inputs.ts';
import {
  createWorld,
  doneGroup,
  eventually,
  groupOf,
  WAIT_MS,
  type World,
  wallet,
} from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

/** What somebody waits for at a gateway of these tests: nothing, once all are answered. */
const held = { waiting: 0, offered: 0 };
const ended = (what: keyof typeof held, end: () => void) => {
  held[what] -= 1;
  end();
};
const alerts: string[] = [];
afterEach(() => {
  expect(held, 'what was answered is forgotten').toEqual({ waiting: 0, offered: 0 });
  expect(alerts).toEqual([]);
});

// biome-ignore lint/suspicious/noExplicitAny: each call is handed on as it is.
type Call = (real: () => Promise<any>) => Promise<any>;
type Calls = Partial<Record<'executeUpdate' | 'start' | 'describe' | 'describeNamespace', Call>>;

/** The client, some of whose calls go through the test. */
function clientWith(calls: Calls): Client {
  const { start = (real) => real(), describeNamespace, ...ofHandle } = calls;
  const { client } = world.sagas;
  const getHandle = (...named: Parameters<typeof client.workflow.getHandle>) => {
    const handle = client.workflow.getHandle(...named);
    const calls = Object.entries(ofHandle).map(([name, call]) => [
      name,
      (...asked: unknown[]) => call(() => Reflect.apply(Reflect.get(handle, name), handle, asked)),
    ]);
    return { ...handle, ...Object.fromEntries(calls) };
  };
  const started = (...asked: Parameters<typeof client.workflow.start>) =>
    start(() => client.workflow.start(...asked));
  const changes = { getHandle: { value: getHandle }, start: { value: started } };
  const workflow = { value: Object.create(client.workflow, changes) };
  if (!describeNamespace) return Object.create(client, { workflow });
  const value = Object.create(client.workflowService, {
    describeNamespace: { value: describeNamespace },
  });
  return Object.create(client, { workflow, workflowService: { value } });
}

/** A gateway that learns of no step from the worker, as one in another process. */
function gatewayWith(calls: Calls, query: Db['query'] = world.db.query) {
  const db = { query } as Db;
  const [outcomes, headStarts] = [createOutcomes(), createHeadStarts()];
  const { publish } = outcomes;
  const steps = createLedgerActivities({ db, publish, takeBegun: headStarts.take });
  return createGateway({
    client: clientWith(calls),
    db,
    outcomes: {
      publish,
      expect(...named) {
        held.waiting += 1;
        const { told, forget } = outcomes.expect(...named);
        return { told, forget: () => ended('waiting', forget) };
      },
    },
    startsAhead: createStartsAhead({}, publish),
    headStarts: {
      ...headStarts,
      offer(...step) {
        held.offered += 1;
        const { withdraw } = headStarts.offer(...step);
        return { begin: () => {}, withdraw: () => ended('offered', withdraw) };
      },
    },
    steps,
    log: createLog('error', { write: (line: string) => alerts.push(JSON.parse(line).alert) }),
    temporalUi: null,
  });
}

/** The database, whose answers about keys go through the test. */
function hidingKeys(answer: (look: number, real: () => Promise<unknown>) => Promise<unknown>) {
  let looks = 0;
  return ((...asked: Parameters<Db['query']>) => {
    const [{ name }] = asked as unknown as [{ name?: string }];
    const real = () => world.db.query(...asked) as unknown as Promise<unknown>;
    if (name !== 'ledger_decided_under') return real();
    looks += 1;
    return answer(looks, real);
  }) as unknown as Db['query'];
}
const NOTHING = { rows: [] };

/** An error of the server or of the way to it: https://grpc.io/docs/guides/status-codes/ */
const grpc = (code: number) =>
  Object.assign(new Error('The call was lost.'), { code, details: 'lost', metadata: {} });
/** What the server itself makes an update fail with. */
const undone = (type: string) =>
  new WorkflowUpdateFailedError('It failed.', ApplicationFailure.create({ message: 'no', type }));
const [NO_ROOM, LAST_TASK_FAILED, UNAVAILABLE] = [8, 9, 14];

const handleOf = (id: string) => world.sagas.client.workflow.getHandle(id);
async function input(key: string) {
  return holdInput(key, await wallet(world, '10'), await wallet(world, '0'), '10');
}
async function opened(key: string): Promise<string> {
  const hold = await input(key);
  doneGroup(await world.sagas.gateway.start('transfer', hold, WAIT_MS));
  return hold.groupId;
}
const settleOf = (id: string) => actInput<'settle'>('settle', id, '1', { legs: null, final: true });

describe('an act', () => {
  it.each([
    ['that Temporal has no room for', grpc(NO_ROOM)],
    ['on a saga whose last task failed', grpc(LAST_TASK_FAILED)],
    ['that a task was completed without', undone('UnprocessedUpdate')],
    ['on a saga that was closed under it', undone('AcceptedUpdateCompletedWorkflow')],
  ])('%s is sent again', async (words, fault) => {
    const id = await opened(words.replaceAll(' ', '-'));
    let calls = 0;
    const executeUpdate: Call = (real) => {
      calls += 1;
      return calls > 2 ? real() : Promise.reject(fault);
    };
    const outcome = await gatewayWith({ executeUpdate }).act('settle', settleOf(id), WAIT_MS);
    expect(outcome).toMatchObject({ outcome: 'done', replayed: false, groupStatus: 'SETTLED' });
  });

  it('is not sent again once its caller waits no longer', async () => {
    const id = await opened('no-room-for-long');
    const executeUpdate = () => Promise.reject(grpc(NO_ROOM));
    const begun = performance.now();
    const outcome = await gatewayWith({ executeUpdate }).act('settle', settleOf(id), 100);
    expect(outcome).toMatchObject({ outcome: 'unavailable', code: 'UNAVAILABLE' });
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect((await groupOf(world, id)).status).toBe('IN_PROGRESS');
  });

  it('whose answer was lost is answered by the ledger', async () => {
    const id = await opened('answer-lost');
    const executeUpdate: Call = (real) => real().then(() => Promise.reject(grpc(UNAVAILABLE)));
    const outcome = await gatewayWith({ executeUpdate }).act('settle', settleOf(id), WAIT_MS);
    expect(doneGroup(outcome).status).toBe('SETTLED');
  });

  it('that the saga does not take is never sent again', async () => {
    const id = await opened('not taken');
    const executeUpdate = () => Promise.reject(undone('INVALID_INPUT'));
    const outcome = await gatewayWith({ executeUpdate }).act('settle', settleOf(id), WAIT_MS);
    const words = { code: 'INVALID_REQUEST', detail: 'no', retryAfterSeconds: 0 };
    expect(outcome).toEqual({ outcome: 'unavailable', ...words });
  });

  it('that is not answered in time is under way only where Temporal is there', async () => {
    const id = await opened('in time');
    const executeUpdate = () => Promise.reject(new CallTimedOut());
    const act = (gateway: SagaGateway) => gateway.act('settle', settleOf(id), 100);
    expect(await act(gatewayWith({ executeUpdate }))).toEqual({ outcome: 'pending' });
    const describeNamespace = () => Promise.reject(grpc(UNAVAILABLE));
    expect(await act(gatewayWith({ executeUpdate, describeNamespace }))).toMatchObject({
      outcome: 'unavailable',
    });
  });

  it('on a saga that is gone again and again gives up', async () => {
    const id = await opened('gone-each-time');
    let calls = 0;
    const executeUpdate = () => {
      calls += 1;
      return Promise.reject(new WorkflowNotFoundError('It is gone.', id, undefined));
    };
    const outcome = await gatewayWith({ executeUpdate }).act('settle', settleOf(id), WAIT_MS);
    expect(outcome).toMatchObject({ outcome: 'unavailable', code: 'UNAVAILABLE' });
    expect(calls).toBe(3);
  });

  it('says that the database is away, and not Temporal, where that is so', async () => {
    const id = await opened('no-database');
    const executeUpdate = () =>
      Promise.reject(new WorkflowNotFoundError('It is gone.', id, undefined));
    const query = ((...asked: Parameters<Db['query']>) =>
      (asked as unknown as [{ name?: string }])[0].name === 'read_open_group'
        ? Promise.reject(new Error('The books are away.'))
        : world.db.query(...asked)) as Db['query'];
    const act = gatewayWith({ executeUpdate }, query).act('settle', settleOf(id), WAIT_MS);
    await expect(act).rejects.toThrow('The books are away.');
  });

  it('of many callers under one key is one update of the saga', async () => {
    const id = await opened('one-update');
    const part = { legs: [1, 2].map((leg) => ({ leg, amount: '1' })), final: false };
    const act = actInput<'settle'>('settle', id, 'part', part);
    const gateway = gatewayWith({});
    await Promise.all([1, 2, 3].map(() => gateway.act('settle', act, WAIT_MS)));
    const { events } = await handleOf(id).fetchHistory();
    const accepted = events?.filter(
      (event) => event.workflowExecutionUpdateAcceptedEventAttributes,
    );
    expect(accepted).toHaveLength(1);
  });
});

describe('a start', () => {
  it('whose answer was lost is answered by the ledger', async () => {
    const hold = await input('start-lost');
    const start: Call = async (real) => {
      await real();
      const isThere = (group: unknown) => group !== null;
      await eventually(() => readGroup(world.db, hold.groupId), isThere);
      throw grpc(UNAVAILABLE);
    };
    const outcome = await gatewayWith({ start }).start('transfer', hold, WAIT_MS);
    expect(outcome).toMatchObject({ outcome: 'done', groupStatus: 'IN_PROGRESS' });
  });

  it('waits on while the database does not answer for a moment', async () => {
    const query = hidingKeys((look, real) =>
      look > 1 ? real() : Promise.reject(new Error('The books are away.')),
    );
    const gateway = gatewayWith({}, query);
    const outcome = await gateway.start('transfer', await input('away-for-a-moment'), WAIT_MS);
    expect(outcome).toMatchObject({ outcome: 'done', replayed: false });
  });

  it('whose database does not answer when its caller waits no longer says so', async () => {
    const query = hidingKeys(() => Promise.reject(new Error('Query read timeout')));
    const start = gatewayWith({}, query).start('transfer', await input('silent'), 100);
    await expect(start).rejects.toThrow('Query read timeout');
  });

  it('of a saga that ended just now is answered, and nobody is alarmed', async () => {
    const hold = await input('ended-just-now');
    doneGroup(await world.sagas.gateway.start('transfer', hold, WAIT_MS));
    await handleOf(hold.groupId).signal('cancel');
    await handleOf(hold.groupId).result();
    const query = hidingKeys((look, real) => (look > 1 ? real() : Promise.resolve(NOTHING)));
    const outcome = await gatewayWith({}, query).start('transfer', hold, WAIT_MS);
    expect(outcome).toMatchObject({ outcome: 'done', replayed: true });
  });

  it('of a saga that ends while it is waited for is to be asked again', async () => {
    const hold = await input('ends-meanwhile');
    doneGroup(await world.sagas.gateway.start('transfer', hold, WAIT_MS));
    const query = hidingKeys(async (look) => {
      if (look === 2) {
        await handleOf(hold.groupId).signal('cancel');
        await handleOf(hold.groupId).result();
      }
      return NOTHING;
    });
    const outcome = await gatewayWith({}, query).start('transfer', hold, 100);
    expect(outcome).toEqual({ outcome: 'pending' });
  });

  it('of a saga that somebody paused has not ended', async () => {
    const hold = await input('paused');
    doneGroup(await world.sagas.gateway.start('transfer', hold, WAIT_MS));
    const describe: Call = async (real) => ({ ...(await real()), status: { name: 'PAUSED' } });
    const query = hidingKeys(async () => NOTHING);
    const outcome = await gatewayWith({ describe }, query).start('transfer', hold, 100);
    expect(outcome).toEqual({ outcome: 'pending' });
    const deps = { client: clientWith({ describe }), db: world.db, log: world.options.log };
    expect(await sagaRuns(deps, hold.groupId)).toBe(true);
  });
});

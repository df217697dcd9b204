/** A custodian behind the API: sagas, webhooks that come in as hooks, and a saga that is lost. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createCustodyActivities } from '../../activities/custodyActivities.ts';
import { startServer } from '../../src/api/server.ts';
import { createChainDoor } from '../../src/chains/door.ts';
import { SIGNAL } from '../../src/contracts/sagas.ts';
import { isCustodyOpen } from '../../src/custody/custodyTables.ts';
import { startHookReader } from '../../src/hooks/reader.ts';
import { listWatchedPayments } from '../../src/ledger/openGroups.ts';
import { repairGroup } from '../../src/temporal/repair.ts';
import { createSweep } from '../../src/temporal/sweep.ts';
import { balanceOf, faultOf, pathOf } from '../api/money.ts';
import { createTestApi, type TestApi, type TestClient } from '../api/testApi.ts';
import { atFileEnd } from '../support/borrow.ts';
import { log, XPUB } from './chainWorld.ts';
import { type CustodyWorld, createCustodyWorld, freshAddress } from './custodyWorld.ts';

const LONG = { timeout: 20_000, interval: 100 };
const SECRET = `whsec_${Buffer.from('what the custodian signs with').toString('base64')}`;

let world: CustodyWorld;
let api: TestApi;
let shop: TestClient;
let bank: TestClient;

beforeAll(async () => {
  // The provider is told where hooks go before it is known: nothing is sent until then.
  const hooks = { url: 'http://127.0.0.1:9', secret: SECRET };
  world = await createCustodyWorld({ hooks, payAtOnce: false });
  const { db, chain, deps } = world;
  api = await createTestApi({
    database: world.database,
    sagas: true,
    hooks: { custodian: { kind: 'standard', secrets: [SECRET], toleranceSeconds: 300 } },
    chain: {
      door: createChainDoor({ db, chain, xpub: XPUB }),
      activities: createCustodyActivities(deps),
    },
  });
  const server = await startServer(api.app, { host: '127.0.0.1', port: 0 });
  hooks.url = `${server.url}/v1/chain-hooks/custodian`;
  const { client } = api.sagas!;
  const wake = async (id: string) => {
    if (!(await isCustodyOpen(db, id))) return;
    await client.workflow.getHandle(id).signal(SIGNAL.chainChanged);
  };
  const reader = startHookReader({ db, chain, log, pollMs: 50, wake });
  atFileEnd(async () => {
    await reader.stop();
    await server.stop();
  });
  shop = await api.client('shop', 'read', 'transfer');
  bank = await api.client('bank', 'read', 'operate');
});

/** A withdrawal of all of a funded wallet, asked for by HTTP. */
async function withdraw(amount: string, destination: string) {
  const { wallet } = await world.prepare(amount, destination);
  const held = await shop.post('/v1/withdrawals', { wallet, amount, destination });
  expect([held.status, held.body.status]).toEqual([201, 'IN_PROGRESS']);
  const read = async () => (await shop.get(pathOf(held))).body;
  return { id: held.body.id as string, wallet, held, read };
}

const submitted = (id: string) =>
  expect.poll(() => world.provider.book.get(id)?.status, LONG).toBe('submitted');

async function untilSettled(read: () => Promise<{ status: string }>, id: string) {
  const looked = async () => {
    await world.finalize();
    await world.provider.say(id, {});
    return (await read()).status;
  };
  await expect.poll(looked, LONG).toBe('SETTLED');
}

async function untilPaidLate(id: string, read: () => Promise<{ withdrawal: { state: string } }>) {
  const state = async () => {
    await world.finalize();
    await world.provider.say(id, {});
    return (await read()).withdrawal.state;
  };
  await expect.poll(state, LONG).toBe('late_confirmed');
}

describe('a withdrawal of an asset that a custodian holds', () => {
  it('is held, asked for, woken by the webhook, and settled by the chain', async () => {
    const to = freshAddress();
    const { id, wallet, held, read } = await withdraw('0.6', to);
    await submitted(id);
    expect(await balanceOf(api, wallet)).toEqual(['0', '0', '0.6']);
    for (const [who, act, body] of [
      [shop, 'release', { reason: 'r' }],
      [bank, 'finalize', { txid: 'wire' }],
    ] as const) {
      const path = `/v1/withdrawals/${encodeURIComponent(id)}/${act}`;
      expect(faultOf(await who.post(path, body))).toEqual([409, 'MAY_BE_ON_CHAIN']);
    }
    expect(faultOf(await shop.post(pathOf(held, '/cancel'), { reason: 'r' }))).toEqual([
      409,
      'WRONG_KIND',
    ]);
    world.provider.faults.repeatHooks = 3;
    await world.provider.release(id);
    world.provider.faults.repeatHooks = 0;
    // Without the webhook the saga would ask after ten seconds at the earliest.
    const txids = () =>
      world.value<number>(
        'select cardinality(txids) from custody_payments where group_id = $1',
        id,
      );
    await expect.poll(txids, { timeout: 5_000 }).toBe(1);
    const copies = await world.value<number[]>('select array_agg(copies) from chain_hooks');
    expect(copies).toEqual([3]);
    await untilSettled(read, id);
    expect(await world.coinsAt(to)).toBe(6n * 10n ** 17n);
    expect(await balanceOf(api, wallet)).toEqual(['0', '0', '0']);
    const timeline = await shop.get(pathOf(held, '/timeline'));
    const events = timeline.body.data.map(({ event }: { event: string }) => event);
    expect(events).toEqual(
      expect.arrayContaining([
        'withdrawal.signing',
        'withdrawal.custody_submitted',
        'withdrawal.custody_pending',
        'settle',
      ]),
    );
  });

  it('is given back by the saga where the custodian fails, without a person', async () => {
    const { id, wallet, read } = await withdraw('0.7', freshAddress());
    await submitted(id);
    await world.provider.say(id, { status: 'rejected', detail: 'compliance said no' });
    await expect.poll(async () => (await read()).status, LONG).toBe('RELEASED');
    expect((await read()).reason).toBe('CUSTODIAN_REJECTED');
    expect(await balanceOf(api, wallet)).toEqual(['0.7', '0', '0']);
  });

  it('goes on with the payment that it has where its saga was terminated', async () => {
    const to = freshAddress();
    const { id, read } = await withdraw('0.9', to);
    await submitted(id);
    const { client } = api.sagas!;
    await client.workflow.getHandle(id).terminate('a test');
    const before = world.provider.submissions();
    await repairGroup({ client, db: world.db, log }, id);
    const { type } = await client.workflow.getHandle(id).describe();
    expect(type).toBe('custodialWithdrawal');
    await world.provider.release(id);
    await untilSettled(read, id);
    expect(world.provider.submissions()).toBe(before);
    expect(await world.coinsAt(to)).toBe(9n * 10n ** 17n);
  });
});

describe('a custodian that pays what it had failed', () => {
  it('is noticed by the same saga after it gave the money back', async () => {
    const { id, wallet, read } = await withdraw('0.3', freshAddress());
    await submitted(id);
    await world.provider.say(id, { status: 'failed' });
    await expect.poll(async () => (await read()).status, LONG).toBe('RELEASED');
    await world.provider.say(id, { status: 'submitted' });
    await world.provider.release(id);
    await untilPaidLate(id, read);
    expect(await balanceOf(api, wallet)).toEqual(['0.3', '0', '0']);
    const handle = api.sagas!.client.workflow.getHandle(id);
    expect(await handle.result()).toMatchObject({ status: 'RELEASED' });
  });

  it('is noticed also when that saga was terminated: the sweeper starts it again', async () => {
    const { client } = api.sagas!;
    const { sweepEndedSagas } = createSweep(
      { client, db: world.db, log },
      // The one that was rejected above fills a look at the books.
      { watchedAtOnce: 1 },
    );
    await api.admin.patch('/v1/assets/ETH.C', { withdrawalsPaused: false });
    const { id, read } = await withdraw('0.4', freshAddress());
    await submitted(id);
    await world.provider.say(id, { status: 'failed' });
    await expect.poll(async () => (await read()).status, LONG).toBe('RELEASED');
    expect(await sweepEndedSagas(() => {})).toMatchObject({ restarted: 0 });
    await client.workflow.getHandle(id).terminate('a test');
    await world.provider.say(id, { status: 'submitted' });
    expect(await sweepEndedSagas(() => {})).toMatchObject({ restarted: 1 });
    expect(await sweepEndedSagas(() => {})).toMatchObject({ restarted: 0 });
    const word = () => world.value('select status from custody_payments where group_id = $1', id);
    await expect.poll(word, LONG).toBe('submitted');
    // Its custodian contradicts itself by now: all the more to be watched.
    await client.workflow.getHandle(id).terminate('a test');
    expect(await sweepEndedSagas(() => {})).toMatchObject({ restarted: 1 });
    await world.provider.release(id);
    await untilPaidLate(id, read);
    await client.workflow.getHandle(id).result();
    expect(await sweepEndedSagas(() => {})).toMatchObject({ restarted: 0 });
    // The one that was rejected above is watched still, for three days.
    const watched = async (withinSeconds: number) =>
      (await listWatchedPayments(world.db, { withinSeconds, after: null, limit: 10 })).data;
    expect(await watched(3_600)).toHaveLength(1);
    expect(await watched(0)).toEqual([]);
  });
});

describe('a custodian whose chain is not followed', () => {
  it('is believed: its word settles, and gives back', async () => {
    const bare = await createCustodyWorld({ payAtOnce: false }, null);
    const [one, two] = [await bare.withdraw('1'), await bare.withdraw('2')];
    await bare.look(one);
    await bare.look(two);
    expect((await bare.look(one)).group.status).toBe('IN_PROGRESS');
    await bare.provider.say(one, { status: 'confirmed' });
    await bare.provider.say(two, { status: 'failed' });
    expect((await bare.look(one)).group.status).toBe('SETTLED');
    expect((await bare.look(two)).group).toMatchObject({
      status: 'RELEASED',
      reason: 'CUSTODIAN_FAILED',
    });
  });
});

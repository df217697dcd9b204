/** What is announced while nobody listens, and to somebody who begins to. */
import { Registry } from 'prom-client';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { readWebhooks, type Webhooks } from '../../src/contracts/webhooks.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { createLog } from '../../src/observability/log.ts';
import type { Loop } from '../../src/watchers/loop.ts';
import { readEndpoints, removeEndpoint } from '../../src/webhooks/deliveryTables.ts';
import { startDispatcher } from '../../src/webhooks/dispatcher.ts';
import { createDeliveryCounter } from '../../src/webhooks/webhookMetrics.ts';
import {
  createWorld,
  credit,
  debit,
  hold,
  transferInput,
  walletWith,
} from '../ledger/ledgerWorld.ts';
import { type Listener, SECRET, startListener } from './listener.ts';

let world: Awaited<ReturnType<typeof createWorld>>;
let from: string;
let to: string;
const running: Loop[] = [];
const log = createLog('silent');

beforeAll(async () => {
  world = await createWorld();
  from = await walletWith(world.db, '10000');
  to = await walletWith(world.db, '0');
});

afterEach(async () => {
  for (const loop of running.splice(0)) await loop.stop();
  for (const { name } of await readEndpoints(world.db)) await removeEndpoint(world.db, name);
});

/** A worker with so many listeners; what nobody hears is kept for so long. */
async function start(listeners: Listener[], keptSeconds: number, pauseMs = 20): Promise<void> {
  const endpoints = listeners.map(({ url }, at) => [`shop${at}`, { url, secrets: [SECRET] }]);
  const webhooks: Webhooks = readWebhooks(JSON.stringify(Object.fromEntries(endpoints)), []);
  const counter = createDeliveryCounter(new Registry());
  const unheard = { keptSeconds, pauseMs };
  const { db } = world;
  running.push(await startDispatcher({ db, webhooks, log, counter, pollMs: 20, unheard }));
}

const legs = () => [debit(from, '1'), credit(to, '1')];
const announced = async () => {
  const { rows } = await world.db.query('select group_id from outbox order by id');
  return rows.map(({ group_id }) => group_id);
};

it('is taken away when it is old enough, and not before', async () => {
  const id = await hold(world.db, legs());
  await start([], 600);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await announced()).toContain(id);
  await running.pop()?.stop();
  await start([], 1);
  await expect.poll(announced).toEqual([]);
});

it('is taken away as fast as it comes, however much has come', async () => {
  await world.db.query('delete from outbox');
  const { rowCount } = await world.db.query(
    `insert into outbox (group_id, event, step_key, created_at)
      select 'g' || n, 'group.opened', 'k', clock_timestamp() - interval '1 hour'
        from generate_series(1, 5001) n`,
  );
  expect(rowCount).toBe(5001);
  await start([], 600, 60_000);
  await expect.poll(announced).toEqual([]);
});

it('stays for an endpoint that is known, although no worker names it now', async () => {
  const shop = await startListener();
  await start([shop], 0);
  await running.pop()?.stop();
  const id = await hold(world.db, legs());
  await start([], 0);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await announced()).toContain(id);
  await start([shop], 0);
  await shop.until(1);
  expect(shop.heard.map(({ message }) => message.data.groupId)).toEqual([id]);
});

it('is told to an endpoint that is named later from then on, also what was under way', async () => {
  const before = await hold(world.db, legs());
  const client = await world.db.connect();
  const shop = await startListener();
  const wallets = [await walletWith(world.db, '1'), await walletWith(world.db, '0')] as const;
  const underWay = transferInput([debit(wallets[0], '1'), credit(wallets[1], '1')]);
  try {
    await client.query('begin');
    expect(await openTransfer(client, underWay)).toMatchObject({ outcome: 'done' });
    // A later number that is there before.
    const earlier = await hold(world.db, legs());
    await start([shop], 0);
    await client.query('commit');
    const later = await hold(world.db, legs());
    await shop.until(2);
    const heard = shop.heard.map(({ message }) => message.data.groupId);
    expect(heard.sort()).toEqual([underWay.groupId, later].sort());
    expect(heard).not.toContain(before);
    expect(heard).not.toContain(earlier);
  } finally {
    client.release();
  }
});

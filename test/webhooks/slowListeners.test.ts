/** Listeners that answer late or never: how much each is asked, and that a stop does not wait. */
import { Registry } from 'prom-client';
import { afterEach, beforeAll, expect, it } from 'vitest';
import { readWebhooks } from '../../src/contracts/webhooks.ts';
import type { Pool } from '../../src/db/pool.ts';
import { settle } from '../../src/ledger/settle.ts';
import { createLog } from '../../src/observability/log.ts';
import type { Loop } from '../../src/watchers/loop.ts';
import { readEndpoints, removeEndpoint } from '../../src/webhooks/deliveryTables.ts';
import { startDispatcher } from '../../src/webhooks/dispatcher.ts';
import { createDeliveryCounter } from '../../src/webhooks/webhookMetrics.ts';
import { createWorld, credit, debit, done, hold, step, walletWith } from '../ledger/ledgerWorld.ts';
import { type Heard, type Listener, SECRET, startListener } from './listener.ts';

let db: Pool;
let from: string;
let to: string;
const running: Loop[] = [];

beforeAll(async () => {
  ({ db } = await createWorld());
  from = await walletWith(db, '10000');
  to = await walletWith(db, '0');
});

afterEach(async () => {
  for (const loop of running.splice(0)) await loop.stop();
  for (const { name } of await readEndpoints(db)) await removeEndpoint(db, name);
});

const POLL_MS = 20;

type Endpoints = Readonly<Record<string, readonly [Listener, object?]>>;

/** A worker that tells them, each by its own settings. */
async function tell(endpoints: Endpoints): Promise<Loop> {
  const given = Object.entries(endpoints).map(([name, [{ url }, more]]) => [
    name,
    { url, secrets: [SECRET], ...more },
  ]);
  const webhooks = readWebhooks(JSON.stringify(Object.fromEntries(given)), []);
  const counter = createDeliveryCounter(new Registry());
  const log = createLog('silent');
  const loop = await startDispatcher({ db, webhooks, log, counter, pollMs: POLL_MS });
  running.push(loop);
  return loop;
}

/** Makes a backlog for endpoints that are known, then starts a worker that tells it. */
async function whileNobodyTells<Made>(endpoints: Endpoints, make: () => Promise<Made>) {
  await (await tell(endpoints)).stop();
  const made = await make();
  await tell(endpoints);
  return made;
}

const holds = (count: number) =>
  Promise.all(Array.from({ length: count }, () => hold(db, [debit(from, '1'), credit(to, '1')])));
const settled = async (id: string) =>
  done(settle(db, { ...step('settle', id), legs: null, final: true }));
const groupsOf = (heard: Heard[]) => heard.map(({ message }) => message.data.groupId);

/** How many will be told to whoever asks within so many seconds. */
async function dueWithin(seconds: number): Promise<number> {
  const { rows } = await db.query(
    `select count(*)::integer as due from webhook_deliveries
      where due_at <= clock_timestamp() + make_interval(secs => $1)`,
    [seconds],
  );
  return rows[0]?.due;
}

interface Gate {
  /** How many requests were open at once at the most. */
  most(): number;
  open(): void;
}

/** Answers nobody until it is opened, and then at once. */
function closeGate(listener: Listener): Gate {
  let [waiting, most] = [0, 0];
  const { promise: isOpen, resolve: open } = Promise.withResolvers<void>();
  listener.answer = async () => {
    waiting += 1;
    most = Math.max(most, waiting);
    await isOpen;
    waiting -= 1;
    return 204;
  };
  return { most: () => most, open };
}

it('an answer leaves nothing behind, neither what nobody reads nor a timer', async () => {
  const shop = await startListener();
  shop.words = 'taken '.repeat(40_000);
  shop.answer = () => 200;
  // The first test of this file: timers of others come to an end meanwhile.
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const loop = await tell({ shop: [shop, { atOnce: 1 }] });
  await holds(30);
  await shop.until(30);
  await loop.stop();
  expect(await shop.connections()).toBeLessThan(6);
  expect(timers() - before, 'a try keeps the process').toBeLessThan(20);
});

it('an endpoint is asked for as many events at once as its setting says', async () => {
  const [one, few, usual] = [await startListener(), await startListener(), await startListener()];
  const gates = [one, few, usual].map(closeGate);
  const given = { one: [one, { atOnce: 1 }], few: [few, { atOnce: 5 }], usual: [usual] } as const;
  const ids = await whileNobodyTells(given, () => holds(20));
  await Promise.all([one.until(1), few.until(5), usual.until(16)]);
  // Ten looks at what waits: more than that must not come.
  await new Promise((resolve) => setTimeout(resolve, 10 * POLL_MS));
  for (const gate of gates) gate.open();
  await Promise.all([one, few, usual].map((listener) => listener.until(20)));
  expect(gates.map(({ most }) => most())).toEqual([1, 5, 16]);
  for (const { heard } of [one, few, usual]) {
    expect(groupsOf(heard).sort()).toEqual([...ids].sort());
  }
});

it('a slow one with many at once hears each group in its order, and slows nobody', async () => {
  const [slow, quick] = [await startListener(), await startListener()];
  const gate = closeGate(slow);
  const patient = { atOnce: 64, timeoutMs: 30_000 };
  const given = { slow: [slow, patient], quick: [quick] } as const;
  const ids = await whileNobodyTells(given, async () => {
    const made = await holds(60);
    await Promise.all(made.map(settled));
    return made;
  });
  await Promise.all([quick.until(120), slow.until(60)]);
  expect(slow.heard, 'it has answered none').toHaveLength(60);
  gate.open();
  await slow.until(120);
  expect(gate.most()).toBe(60);
  for (const id of ids) {
    const types = slow.heard.filter(({ message }) => message.data.groupId === id);
    expect(types.map(({ message }) => message.type)).toEqual(['group.opened', 'group.settled']);
  }
});

it('stopping does not wait for one that hangs, which another worker tells anew', async () => {
  const shop = await startListener();
  shop.answer = () => 'silence';
  const loop = await tell({ shop: [shop, { timeoutMs: 30_000 }] });
  const ids = await holds(3);
  await shop.until(3);
  expect(await dueWithin(30), 'nobody else asks while its answer may come').toBe(0);
  const begun = performance.now();
  await loop.stop();
  // Two seconds of patience; the endpoint has thirty.
  expect(performance.now() - begun).toBeLessThan(15_000);
  expect(await dueWithin(0)).toBe(3);
  expect((await readEndpoints(db))[0]).toMatchObject({
    waiting: 3,
    fault: 'It had not answered when the worker was stopped.',
  });
  shop.answer = () => 204;
  await tell({ shop: [shop] });
  await shop.until(6);
  expect(groupsOf(shop.heard.slice(3)).sort()).toEqual([...ids].sort());
});

it('a stop gives an answer that is under way the time to come', async () => {
  const shop = await startListener();
  const gate = closeGate(shop);
  const loop = await tell({ shop: [shop] });
  await holds(3);
  await shop.until(3);
  const stopped = loop.stop();
  setTimeout(gate.open, 100);
  await stopped;
  expect((await readEndpoints(db))[0]).toMatchObject({ waiting: 0 });
});

it('what a worker had begun that died another one takes over, so nothing is lost', async () => {
  const shop = await startListener();
  await tell({ shop: [shop, { timeoutMs: 1 }] });
  for (const loop of running.splice(0)) await loop.stop();
  const [id] = await holds(1);
  await db.query('select webhook_hand_out(1000)');
  // It was sent, and who sent it never came to say so.
  const { rows } = await db.query('select id from webhook_due($1, 16, 1)', ['shop']);
  expect(rows).toHaveLength(1);
  await tell({ shop: [shop] });
  await shop.until(1);
  expect(groupsOf(shop.heard)).toEqual([id]);
});

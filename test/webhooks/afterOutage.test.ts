/** An endpoint that was away and is back, and one that nobody names any more. */
import { Registry } from 'prom-client';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readWebhooks } from '../../src/contracts/webhooks.ts';
import type { Pool } from '../../src/db/pool.ts';
import { settle } from '../../src/ledger/settle.ts';
import { createLog } from '../../src/observability/log.ts';
import type { Loop } from '../../src/watchers/loop.ts';
import { readEndpoints, removeEndpoint } from '../../src/webhooks/deliveryTables.ts';
import { startDispatcher } from '../../src/webhooks/dispatcher.ts';
import { createDeliveryCounter } from '../../src/webhooks/webhookMetrics.ts';
import { createWorld, credit, debit, done, hold, step, walletWith } from '../ledger/ledgerWorld.ts';
import { type Listener, SECRET, startListener } from './listener.ts';

let db: Pool;
let from: string;
let to: string;
const alerts: unknown[] = [];
const running: Loop[] = [];
const log = createLog('info', {
  write: (line: string) => {
    const { alert, endpoint } = JSON.parse(line);
    if (alert) alerts.push([alert, endpoint]);
  },
});

beforeAll(async () => {
  ({ db } = await createWorld());
  from = await walletWith(db, '10000');
  to = await walletWith(db, '0');
});

const stopAll = async () => {
  for (const loop of running.splice(0)) await loop.stop();
};

afterEach(async () => {
  await stopAll();
  for (const { name } of await readEndpoints(db)) await removeEndpoint(db, name);
  await db.query('delete from outbox');
});

const unnamed = { keptSeconds: 86_400, afterMs: 0 };

async function start(listeners: Record<string, Listener>, more: object = {}): Promise<void> {
  const endpoints = Object.entries(listeners).map(([name, { url }]) => [
    name,
    { url, secrets: [SECRET], atOnce: 4 },
  ]);
  const webhooks = readWebhooks(JSON.stringify(Object.fromEntries(endpoints)), []);
  const counter = createDeliveryCounter(new Registry());
  const unheard = { keptSeconds: 600, pauseMs: 20 };
  const given = { db, webhooks, log, counter, pollMs: 20, unheard, unnamed, ...more };
  running.push(await startDispatcher(given));
}

const openOne = () => hold(db, [debit(from, '1'), credit(to, '1')]);
const value = async (sql: string) =>
  (await db.query(`select (${sql})::integer as value`)).rows[0]?.value as number;
const waiting = () => value('select count(*) from webhook_deliveries');

/** Events that were refused for hours, each put off by an hour, and what follows in one group. */
async function afterHoursOfRefusals(shop: Listener, count: number): Promise<string[]> {
  shop.answer = () => 503;
  await start({ shop });
  const ids: string[] = [];
  for (let each = 0; each < count; each += 1) ids.push(await openOne());
  await done(settle(db, { ...step('settle', ids[0] ?? ''), legs: null, final: true }));
  await expect.poll(waiting).toBe(count + 1);
  await stopAll();
  await db.query(`update webhook_deliveries set tries = 20, fault = case event
      when 'group.opened' then 'It answered 503.' end,
    due_at = clock_timestamp() + interval '50 minutes' + random() * interval '10 minutes'`);
  await silence();
  shop.heard.length = 0;
  return ids;
}
const silence = () =>
  db.query("update webhook_endpoints set taken_at = clock_timestamp() - interval '2 hours'");

describe('an endpoint that is back after hours', () => {
  it('is told at once what it had not taken, in order, as much at once as it takes', async () => {
    const shop = await startListener();
    const ids = await afterHoursOfRefusals(shop, 30);
    let [underWay, most] = [0, 0];
    shop.answer = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setTimeout(resolve, 5));
      underWay -= 1;
      return 200;
    };
    await start({ shop });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(shop.heard, 'nothing says yet that it is back').toEqual([]);
    const news = await openOne();
    await expect.poll(waiting, { timeout: 10_000 }).toBe(0);
    expect(shop.heard[0]?.message.data.groupId).toBe(news);
    expect(shop.heard).toHaveLength(32);
    expect(new Set(shop.heard.map(({ message }) => message.data.groupId)).size).toBe(31);
    const first = shop.heard.filter(({ message }) => message.data.groupId === ids[0]);
    expect(first.map(({ message }) => message.type)).toEqual(['group.opened', 'group.settled']);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('is told the rest by the next worker where the one that noticed dies', async () => {
    const shop = await startListener();
    await afterHoursOfRefusals(shop, 2);
    expect((await db.query("select webhook_note_taken('shop') as behind")).rows).toEqual([
      { behind: true },
    ]);
    shop.answer = () => 200;
    await start({ shop });
    await openOne();
    await expect.poll(waiting, { timeout: 10_000 }).toBe(0);
  });

  it('is left alone again where it was back for a moment only', async () => {
    const shop = await startListener();
    await afterHoursOfRefusals(shop, 30);
    shop.answer = () => (shop.heard.length <= 1 ? 200 : 503);
    await start({ shop });
    await openOne();
    await shop.until(2);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(shop.heard.length, 'the others keep their pauses').toBeLessThan(20);
    expect(await waiting()).toBe(31);
  });
});

it('what waits behind a step comes at once after it, one after the other', async () => {
  const shop = await startListener();
  shop.answer = () => 503;
  await start({ shop });
  const id = await openOne();
  const part = [1, 2].map((leg) => ({ leg, amount: '0.4' }));
  await done(settle(db, { ...step('settle', id), legs: part, final: false }));
  await done(settle(db, { ...step('settle', id), legs: null, final: true }));
  await expect.poll(waiting).toBe(3);
  await stopAll();
  await db.query(`update webhook_deliveries set due_at = case event
      when 'group.opened' then clock_timestamp() else clock_timestamp() + interval '1 hour' end`);
  shop.answer = () => 200;
  await start({ shop });
  await expect.poll(waiting, { timeout: 5_000 }).toBe(0);
  expect(shop.heard.slice(-3).map(({ message }) => message.type)).toEqual([
    'group.opened',
    'group.captured',
    'group.settled',
  ]);
});

it('one that takes something each minute is not asked more often for what it refuses', async () => {
  const shop = await startListener();
  const [refused = ''] = await afterHoursOfRefusals(shop, 1);
  shop.answer = ({ message }) => (message.data.groupId === refused ? 422 : 200);
  const tries = () => shop.heard.filter(({ message }) => message.data.groupId === refused).length;
  await start({ shop });
  await openOne();
  await expect.poll(tries).toBe(1);
  const calledBack = () => value('select count(*) from webhook_endpoints where called_back');
  await expect.poll(calledBack).toBe(0);
  await db.query(`update webhook_deliveries set fault = 'It answered 422.',
    due_at = clock_timestamp() + interval '1 hour' where event = 'group.opened'`);
  await stopAll();
  await start({ shop });
  for (let each = 0; each < 5; each += 1) await openOne();
  await shop.until(7);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(tries()).toBe(1);
});

it('one that refuses many events for good is called back once for each of them', async () => {
  const shop = await startListener();
  const refused = new Set(await afterHoursOfRefusals(shop, 12));
  await db.query("delete from webhook_deliveries where event = 'group.settled'");
  shop.answer = ({ message }) => (refused.has(message.data.groupId) ? 422 : 200);
  await start({ shop });
  const taken = () => shop.heard.filter(({ message }) => !refused.has(message.data.groupId)).length;
  const tries = () => shop.heard.length - taken();
  let opened = 0;
  const tellOneMore = async () => {
    await openOne();
    opened += 1;
    await expect.poll(taken, { interval: 5 }).toBe(opened);
  };
  while (tries() < refused.size) await tellOneMore();
  for (let each = 0; each < 40; each += 1) await tellOneMore();
  expect(tries()).toBe(refused.size);
});

describe('an endpoint that no worker names', () => {
  const names = async () => (await readEndpoints(db)).map(({ name }) => name);
  const unnamedFor = (name: string, hours: number) =>
    db.query(
      `update webhook_endpoints set named_at = clock_timestamp() - make_interval(hours => $2)
       where name = $1`,
      [name, hours],
    );

  it('is forgotten after long, with what it had not taken, and that is told', async () => {
    const [shop, old] = [await startListener(), await startListener()];
    old.answer = () => 410;
    await start({ shop, old });
    await openOne();
    await old.until(1);
    await stopAll();
    await unnamedFor('old', 25);
    await start({ shop }, { unnamed: { keptSeconds: 86_400, afterMs: 60_000 } });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await names(), 'others may be about to name it').toEqual(['old', 'shop']);
    await stopAll();
    await start({ shop });
    await expect.poll(names).toEqual(['shop']);
    expect(await waiting()).toBe(0);
    expect(alerts).toContainEqual(['WEBHOOK_FORGOTTEN', 'old']);
  });

  it('is forgotten in portions, also where two workers are at it at once', async () => {
    const old = await startListener();
    old.answer = () => 503;
    await start({ old });
    for (let each = 0; each < 6; each += 1) await openOne();
    await expect.poll(waiting).toBe(6);
    await stopAll();
    await unnamedFor('old', 25);
    const forget = "select name from webhook_forget_unnamed('{}', 86400, 2)";
    const first = await db.connect();
    try {
      await first.query('begin');
      await first.query(forget);
      const second = db.query(forget);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await first.query('commit');
      expect((await second).rows).toEqual([]);
    } finally {
      first.release(true);
    }
    expect(await waiting()).toBe(2);
    expect((await db.query(forget)).rows).toEqual([]);
    expect((await db.query(forget)).rows).toEqual([{ name: 'old' }]);
  });

  it('stays for a day, and as long as some worker names it', async () => {
    const [shop, old] = [await startListener(), await startListener()];
    await start({ shop, old });
    await stopAll();
    await unnamedFor('old', 23);
    await start({ shop });
    await unnamedFor('shop', 200);
    const named = () =>
      value(`select count(*) from webhook_endpoints
        where named_at > clock_timestamp() - interval '1 minute'`);
    await expect.poll(named).toBe(1);
    expect(await names()).toEqual(['old', 'shop']);
  });
});

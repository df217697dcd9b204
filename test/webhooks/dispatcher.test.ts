/** What happened is told at least once to all who asked, and of one group in its order. */
import { Registry } from 'prom-client';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readWebhooks } from '../../src/contracts/webhooks.ts';
import type { Pool } from '../../src/db/pool.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { release } from '../../src/ledger/release.ts';
import { settle } from '../../src/ledger/settle.ts';
import { createLog } from '../../src/observability/log.ts';
import type { Loop } from '../../src/watchers/loop.ts';
import { readEndpoints, removeEndpoint } from '../../src/webhooks/deliveryTables.ts';
import { startDispatcher } from '../../src/webhooks/dispatcher.ts';
import { createDeliveryCounter } from '../../src/webhooks/webhookMetrics.ts';
import {
  createWorld,
  credit,
  debit,
  done,
  hold,
  step,
  transferInput,
  walletWith,
} from '../ledger/ledgerWorld.ts';
import { type Heard, type Listener, NEXT_SECRET, SECRET, startListener } from './listener.ts';

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

afterEach(async () => {
  for (const loop of running.splice(0)) await loop.stop();
  for (const { name } of await readEndpoints(db)) await removeEndpoint(db, name);
});

/** Endpoints by name: a listener, and what of WEBHOOKS it has besides. */
async function tell(endpoints: Record<string, [Listener, object?]>): Promise<Loop> {
  const faults: string[] = [];
  const given = Object.entries(endpoints).map(([name, [{ url }, more]]) => [
    name,
    { url, secrets: [SECRET], ...more },
  ]);
  const webhooks = readWebhooks(JSON.stringify(Object.fromEntries(given)), faults);
  expect(faults).toEqual([]);
  const counter = createDeliveryCounter(new Registry());
  const loop = await startDispatcher({ db, webhooks, log, counter, pollMs: 20 });
  running.push(loop);
  return loop;
}

const legs = (amount = '1') => [debit(from, amount), credit(to, amount)];
const settled = async (id: string) =>
  done(settle(db, { ...step('settle', id), legs: null, final: true }));
const typesOf = (heard: Heard[], group: string) =>
  heard.filter(({ message }) => message.data.groupId === group).map(({ message }) => message.type);
const waiting = async (name: string) =>
  (await readEndpoints(db)).find((each) => each.name === name)?.waiting;

/** Neither in the outbox, which is looked at first, nor on its way. */
async function nothingWaits(name: string): Promise<void> {
  const isOver = async () => {
    const { rows } = await db.query('select from outbox limit 1');
    return rows.length === 0 && (await waiting(name)) === 0;
  };
  await expect.poll(isOver, { timeout: 15_000 }).toBe(true);
}

describe('an endpoint', () => {
  it('is told each step of a group, signed, with the group as the step left it', async () => {
    const shop = await startListener();
    // One that it is about to take, and the one that it still has: each signs.
    await tell({ shop: [shop, { secrets: [NEXT_SECRET, SECRET] }] });
    const id = await hold(db, legs('2.5'));
    await settled(id);
    const [opened, ended] = await shop.until(2);
    expect(opened?.message).toMatchObject({
      type: 'group.opened',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{6}Z$/),
      data: {
        groupId: id,
        operation: expect.stringMatching(/^create:shop:/),
        group: { id, status: 'IN_PROGRESS', legs: [{ amount: '2.5', remaining: '2.5' }, {}] },
        payoutRun: null,
        refusal: null,
      },
    });
    expect(ended?.message).toMatchObject({
      type: 'group.settled',
      data: { group: { id, status: 'SETTLED', legs: [{ settled: '2.5', remaining: '0' }, {}] } },
    });
    expect(opened?.headers['content-type']).toBe('application/json');
    expect(opened?.id).toMatch(/^evt_[0-9a-f]{32}$/);
    expect(opened?.id).not.toBe(ended?.id);
    await nothingWaits('shop');
  });

  it('that is behind is told the oldest first', async () => {
    const shop = await startListener();
    await (await tell({ shop: [shop] })).stop();
    const id = await hold(db, legs());
    await settled(id);
    for (const event of ['group.opened', 'group.settled']) {
      await db.query('select webhook_hand_out(1)');
      const { rows } = await db.query('select event from webhook_deliveries order by id desc');
      expect(rows[0]).toEqual({ event });
    }
  });

  it('is told why a group was refused', async () => {
    const shop = await startListener();
    await tell({ shop: [shop] });
    await openTransfer(db, transferInput(legs('99999'), { settle: 'immediate' }));
    const [heard] = await shop.until(1);
    expect(heard?.message).toMatchObject({
      type: 'group.cancelled',
      data: {
        group: { status: 'CANCELLED', reason: 'INSUFFICIENT_FUNDS', legs: [] },
        refusal: { code: 'INSUFFICIENT_FUNDS' },
      },
    });
  });

  it('hears of what it asked for, and of nothing from before it was named', async () => {
    const before = await hold(db, legs());
    const [all, ends] = [await startListener(), await startListener()];
    await tell({ all: [all], ends: [ends, { events: ['group.settled', 'alert.*'] }] });
    const id = await hold(db, legs());
    await settled(id);
    await done(release(db, { ...step('release', before), reason: 'not wanted' }));
    await all.until(3);
    await Promise.all([nothingWaits('all'), nothingWaits('ends')]);
    expect(typesOf(all.heard, id)).toEqual(['group.opened', 'group.settled']);
    expect(typesOf(all.heard, before)).toEqual(['group.released']);
    expect(ends.heard.map(({ message }) => message.type)).toEqual(['group.settled']);
    const { rows } = await db.query('select count(*)::integer as left from outbox');
    expect(rows, 'nothing stays in the outbox').toEqual([{ left: 0 }]);
  });
});

describe('where an endpoint does not take it', () => {
  it.each([
    ['answers 500', 500],
    ['sends it elsewhere', 302],
    ['does not answer in time', 'silence'],
  ] as const)('that %s, it is told the same again', async (_, answer) => {
    const shop = await startListener();
    shop.answer = () => (shop.heard.length > 1 ? 200 : answer);
    // A listener that a busy machine lets wait for longer would be told a third time.
    await tell({ shop: [shop, { timeoutMs: 2_000 }] });
    await hold(db, legs());
    const [first, second] = await shop.until(2);
    expect(second?.id).toBe(first?.id);
    expect(second?.body).toBe(first?.body);
    await nothingWaits('shop');
    expect(shop.heard).toHaveLength(2);
  });

  it('later steps of that group wait, other groups and other endpoints do not', async () => {
    const [shop, books] = [await startListener(), await startListener()];
    const input = transferInput(legs());
    const stuck = input.groupId;
    let isOpen = false;
    shop.answer = ({ message }) => (message.data.groupId === stuck && !isOpen ? 503 : 200);
    await tell({ shop: [shop], books: [books] });
    const other = await hold(db, legs());
    await done(openTransfer(db, input));
    await settled(stuck);
    await settled(other);
    await shop.until(2, ({ message }) => message.data.groupId === other);
    await nothingWaits('books');
    await expect.poll(() => waiting('shop')).toBe(2);
    expect(new Set(typesOf(shop.heard, stuck))).toEqual(new Set(['group.opened']));
    isOpen = true;
    await nothingWaits('shop');
    expect(typesOf(shop.heard, stuck).slice(-2)).toEqual(['group.opened', 'group.settled']);
  });

  it('what waits for it is not looked at again and again, and comes at once after it', async () => {
    const shop = await startListener();
    shop.answer = () => 500;
    await (await tell({ shop: [shop] })).stop();
    const [before, after] = [await hold(db, legs()), await hold(db, legs())];
    await settled(before);
    await tell({ shop: [shop] });
    await shop.until(2);
    const later = async () => {
      const { rows } = await db.query(
        `select group_id as id from webhook_deliveries
          where due_at > clock_timestamp() and fault is null order by id`,
      );
      return rows.map(({ id }) => id);
    };
    await expect.poll(later, { interval: 20 }).toEqual([before]);
    const inAnHour = "clock_timestamp() + interval '1 hour'";
    await db.query(`update webhook_deliveries set due_at = ${inAnHour}`);
    await settled(after);
    await expect.poll(later, { interval: 20 }).toEqual([before, after]);
    shop.answer = () => 200;
    await db.query('update webhook_deliveries set due_at = clock_timestamp() where fault <> $1', [
      '',
    ]);
    await nothingWaits('shop');
    for (const id of [before, after]) {
      expect(typesOf(shop.heard, id).slice(-2)).toEqual(['group.opened', 'group.settled']);
    }
  });

  it('the order of each group holds whatever fails', async () => {
    const shop = await startListener();
    // Of what is told for the first time every third fails, whichever it is.
    const told = new Set<string>();
    shop.answer = ({ id }) => {
      const isNew = told.size < told.add(id).size;
      return isNew && told.size % 3 === 0 ? 500 : 200;
    };
    await tell({ shop: [shop] });
    const ids = await Promise.all(Array.from({ length: 6 }, () => hold(db, legs())));
    await Promise.all(ids.map(settled));
    await nothingWaits('shop');
    for (const id of ids) {
      const types = typesOf(shop.heard, id);
      expect(types.lastIndexOf('group.opened')).toBeLessThan(types.indexOf('group.settled'));
    }
  });

  it('one that is down is asked rarely, and told everything once it is back', async () => {
    const shop = await startListener();
    shop.answer = () => 500;
    await tell({ shop: [shop] });
    const ids = await Promise.all(Array.from({ length: 40 }, () => hold(db, legs())));
    await shop.until(5);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(shop.heard.length, 'not all that wait are thrown at it').toBeLessThan(35);
    shop.answer = () => 200;
    await nothingWaits('shop');
    expect(new Set(shop.heard.map(({ message }) => message.data.groupId))).toEqual(new Set(ids));
  });

  it('its trouble can be seen, and after a minute of it somebody is called', async () => {
    const shop = await startListener();
    shop.answer = () => 418;
    await tell({ shop: [shop] });
    await hold(db, legs());
    await shop.until(1);
    await expect
      .poll(async () => (await readEndpoints(db))[0])
      .toMatchObject({ name: 'shop', waiting: 1, fault: 'It answered 418.' });
    const expectPauseAfter = async (tries: number, seconds: number, why?: string) => {
      await db.query(`update webhook_deliveries set tries = $1, due_at = '-infinity'`, [tries - 1]);
      const sql = `select round(extract(epoch from due_at - clock_timestamp()) / 4)::integer * 4
        as seconds from webhook_deliveries
        where fault is not null and due_at > clock_timestamp() and tries = $1`;
      // While it is asked the lease puts it off, by some seconds.
      const pause = async () => (await db.query(sql, [tries])).rows[0]?.seconds;
      await expect.poll(pause, { message: why }).toBe(seconds);
    };
    await expectPauseAfter(7, 64);
    expect(alerts).toEqual([['WEBHOOK_FAILING', 'shop']]);
    await expectPauseAfter(30, 3600, 'it is never given up');
  });
});

describe('several processes', () => {
  it('share what is to be told, each event once', async () => {
    const shop = await startListener();
    // Whom a busy machine lets wait is told again.
    for (let i = 0; i < 3; i++) await tell({ shop: [shop, { timeoutMs: 20_000 }] });
    const ids = await Promise.all(Array.from({ length: 40 }, () => hold(db, legs())));
    await Promise.all(ids.map(settled));
    await shop.until(80);
    await nothingWaits('shop');
    expect(shop.heard).toHaveLength(80);
    for (const id of ids)
      expect(typesOf(shop.heard, id)).toEqual(['group.opened', 'group.settled']);
  });
});

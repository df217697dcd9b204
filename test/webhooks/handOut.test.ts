/** Announcements leave the outbox for those who asked, by whoever's turn it is. */
import { beforeAll, expect, it } from 'vitest';
import type { Db, Pool } from '../../src/db/pool.ts';
import {
  type DueDelivery,
  forgetUnheard,
  handOut,
  noteNamed,
  registerEndpoints,
} from '../../src/webhooks/deliveryTables.ts';
import { messageId } from '../../src/webhooks/message.ts';
import { createWorld, hold } from '../ledger/ledgerWorld.ts';

const LIMIT = 1_000;

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

const register = (name: string, ...events: string[]) =>
  registerEndpoints(db, {
    [name]: { url: 'http://127.0.0.1', events, secrets: [], timeoutMs: 1, atOnce: 1 },
  });

/** What `look` answers beside somebody who looks and has not ended, and what behind them. */
async function besideAndBehind(look: (on: Db) => Promise<number>): Promise<number[]> {
  const other = await db.connect();
  try {
    await other.query('begin');
    const answers = [await look(other), await look(db)];
    await other.query('rollback');
    return [...answers, await look(db)];
  } finally {
    other.release();
  }
}

it('is looked through by one at a time, and nobody waits for a turn', async () => {
  await hold(db, []);
  const forget = (on: Db) => forgetUnheard(on, { keptSeconds: 0, limit: LIMIT });
  expect(await besideAndBehind(forget)).toEqual([1, 0, 1]);
  await register('shop', '*');
  await hold(db, []);
  expect(await besideAndBehind((on) => handOut(on, LIMIT))).toEqual([1, 0, 1]);
});

it('goes by what each asks for now, letter for letter', async () => {
  await register('changed', 'group.settled');
  await register('changed', 'group.opened');
  await register('misspelled', 'group.open_d');
  const id = await hold(db, []);
  await handOut(db, LIMIT);
  const { rows } = await db.query(
    `select endpoint, event from webhook_deliveries where group_id = $1 and endpoint <> 'shop'`,
    [id],
  );
  expect(rows).toEqual([{ endpoint: 'changed', event: 'group.opened' }]);
});

it('is looked at by a worker that says once an hour whom it tells', async () => {
  await register('named', '*');
  const namedAgo = async (ago: string) => {
    const { rows } = await db.query(
      `update webhook_endpoints set named_at = clock_timestamp() - $1::interval
        where name = 'named' returning named_at`,
      [ago],
    );
    await noteNamed(db, ['named']);
    const { rows: now } = await db.query(`select named_at from webhook_endpoints
      where name = 'named'`);
    return now[0]?.named_at > rows[0]?.named_at;
  };
  expect([await namedAgo('59 minutes'), await namedAgo('61 minutes')]).toEqual([false, true]);
});

it('is named by its group, its step and its event, whenever and how often it is told', () => {
  const told = { groupId: 'g', operation: '~late:7', event: 'withdrawal.late_confirmed' };
  const idOf = (changed: Partial<DueDelivery>) =>
    messageId({ ...told, id: '1', at: 'then', tries: 1, answer: null, ...changed });
  // One step under one key can say two things: a late payment is taken back by a reorganisation.
  const others = [
    { groupId: 'h' },
    { operation: '~late:8' },
    { event: 'withdrawal.late_reversed' },
  ];
  expect(new Set([{}, ...others].map(idOf)).size).toBe(4);
  expect(idOf({ id: '2', at: 'now', tries: 9, answer: '{}' })).toBe(idOf({}));
});

/** Announcements leave the outbox for those who asked, by whoever's turn it is. */
import { beforeAll, expect, it } from 'vitest';
import type { Db, Pool } from '../../src/db/pool.ts';
import { forgetUnheard, handOut, registerEndpoints } from '../../src/webhooks/deliveryTables.ts';
import { createWorld, hold } from '../ledger/ledgerWorld.ts';

const LIMIT = 1_000;

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
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
  await registerEndpoints(db, {
    shop: { url: 'http://127.0.0.1', events: ['*'], secrets: [], timeoutMs: 1, atOnce: 1 },
  });
  await hold(db, []);
  expect(await besideAndBehind((on) => handOut(on, LIMIT))).toEqual([1, 0, 1]);
});

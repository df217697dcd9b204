/** Looks that come again and again read what is due, and not all that was put off or kept. */
import { beforeAll, expect, it } from 'vitest';
import type { Db, Pool } from '../../src/db/pool.ts';
import { forgetHooks } from '../../src/hooks/inboxTables.ts';
import { forgetOld, type Watch } from '../../src/watchers/chainTables.ts';
import { rescanBlocks } from '../../src/watchers/rescanTables.ts';
import { dueDeliveries } from '../../src/webhooks/deliveryTables.ts';
import { createWorld } from '../ledger/ledgerWorld.ts';
import { withPlanWatch } from '../support/planWatch.ts';

/** So many were put off by an hour, and so many were done an hour ago; one is due. */
const MANY = 300;
/** What is due, and what the plan reads beside it. */
const FEW = 5;
const WATCH: Watch = { chain: 'eip155:1', holder: 'test' };

let owner: Pool;
beforeAll(async () => {
  ({ owner } = await createWorld());
  await owner.query(
    `insert into chains (id, genesis_hash, leased_by, leased_until, cursor_height, cursor_hash,
        finalized_height)
      values ($1, '0x1', $2, clock_timestamp(), 1000, '0x2', 900)`,
    [WATCH.chain, WATCH.holder],
  );
  await owner.query(
    `insert into chain_tasks (chain, kind, group_id, inclusion_id, due_at, done_at)
      select $1, 'open', 'tr_' || n, n,
          clock_timestamp() + case when n = 1 then interval '0' else interval '1 hour' end,
          case when n > $2 then clock_timestamp() - interval '1 hour' end
        from generate_series(1, 2 * $2::integer) n`,
    [WATCH.chain, MANY],
  );
  await owner.query(
    `insert into chain_hooks (source, delivery_id, body, body_hash, txids, open_txids, due_at,
        finished_at)
      select 'desk', n, '', '', '{}', '{}',
          clock_timestamp() + case when n = 1 then interval '0' else interval '1 hour' end,
          case when n > $1 then clock_timestamp() - interval '1 hour' end
        from generate_series(1, 2 * $1::integer) n`,
    [MANY],
  );
  await owner.query(
    `insert into webhook_endpoints (name, events, after_id) values ('a', '{%}', 0)`,
  );
  await owner.query(
    `insert into webhook_deliveries (endpoint, id, group_id, event, step_key, created_at, due_at)
      select 'a', n, 'tr_' || n, 'group.opened', '', clock_timestamp(),
          clock_timestamp() + case when n = 1 then interval '0' else interval '1 hour' end
        from generate_series(1, $1::integer) n`,
    [MANY],
  );
});

it.each<[string, number, (session: Db) => Promise<number | null>]>([
  [
    'tasks of a chain',
    1,
    async (db) => (await db.query('select chain_due_tasks($1, 50)', [WATCH.chain])).rowCount,
  ],
  [
    'tasks to forget',
    0,
    (db) => forgetOld(db, WATCH, { blocks: 10, taskSeconds: 86_400, limit: 50 }),
  ],
  ['hooks', 1, async (db) => (await db.query('select chain_due_hooks(50)')).rowCount],
  ['hooks to forget', 0, (db) => forgetHooks(db, 1, 50)],
  ['announcements', 1, async (db) => (await dueDeliveries(db, 'a', 50, 10)).length],
])('finds the %s by their time', async (_, found, look) => {
  await withPlanWatch(owner, async (watch) => {
    expect(await look(watch.session)).toBe(found);
    expect(watch.most).toBeGreaterThan(0);
    expect(watch.most).toBeLessThanOrEqual(FEW);
  });
});

it('counts what a rescan finds in the blocks of its turn alone', async () => {
  const rows = await owner.query(
    `insert into chain_inclusions (chain, txid, ordinal, inclusion_no, group_id, asset, amount,
        from_address, to_address, block_hash, block_height, credited_at)
      select $1, n, 'native', 1, 'dep_' || n, (select min(code) from assets), 1, '0x1', '0x2',
          'b' || n, n, now() from generate_series(1, $2::integer) n`,
    [WATCH.chain, MANY],
  );
  expect(rows.rowCount).toBe(MANY);
  await owner.query('analyze chain_inclusions');
  const asked = await owner.query<{ id: string }>(
    "select chain_ask_rescan($1, 1, null, 'ann', 'x', false) ->> 'id' as id",
    [WATCH.chain],
  );
  const blocks = [1, 2].map((height) => ({
    block: { height, hash: `b${height}`, parentHash: `b${height - 1}` },
    events: { deposits: [], outcomes: [] },
  }));
  await withPlanWatch(owner, async (watch) => {
    expect(await rescanBlocks(watch.session, WATCH, asked.rows[0]!.id, blocks)).toBe(2);
    expect(watch.most).toBeLessThanOrEqual(FEW);
  });
});

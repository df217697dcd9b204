/** What a page of groups reads where there are many of them and few that match. */
import { beforeAll, expect, it } from 'vitest';
import type { Db, Pool } from '../../src/db/pool.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { type GroupFilter, listGroups } from '../../src/ledger/groups.ts';
import { listOpenGroups, timeAgo } from '../../src/ledger/openGroups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { createWallet, listWallets, type WalletFilter } from '../../src/ledger/wallets.ts';
import { withPlanWatch } from '../support/planWatch.ts';
import type { TestDatabase } from '../support/testDatabase.ts';
import { createWorld, debit, done, hold, step, transferInput, walletWith } from './ledgerWorld.ts';

/** Far more than a page, so that a plan which walks past them shows. */
const OPEN = 300;
/** So many that a tenth of them is cheaper to sort than to walk past. */
const MANY_WALLETS = 100_000;
const LIMIT = 5;
/** A page is read one row beyond its limit. */
const READ = LIMIT + 1;
let world: TestDatabase & { db: Pool };
let oldest: string;
let busy: string;
beforeAll(async () => {
  world = await createWorld();
  busy = await walletWith(world.db, '1000');
  oldest = await hold(world.db, [debit(busy, '1')]);
  await done(cancel(world.db, { ...step('cancel', oldest), reason: 'x' }));
  await Promise.all(
    Array.from({ length: OPEN }, () =>
      done(openTransfer(world.db, transferInput([debit(busy, '1')]))),
    ),
  );
});

/** The most rows that a node of a read's plans looked at. */
const rowsOf = (read: (session: Db) => Promise<unknown>) =>
  withPlanWatch(world.owner, async (watch) => {
    await read(watch.session);
    return watch.most;
  });

const page = (filter: GroupFilter) => async (session: Db) => {
  const first = await listGroups(session, filter, { limit: LIMIT });
  await listGroups(session, filter, { limit: LIMIT, cursor: first.nextCursor });
};

it('reads a page of the groups of any kind and status, not all that it leaves out', async () => {
  const [cancelled] = (await listGroups(world.db, { status: 'CANCELLED' }, { limit: LIMIT })).data;
  expect(cancelled?.id).toBe(oldest);
  // Twenty lists of a kind and a status each, of which three have rows.
  const lists = 5 * 4;
  expect(await rowsOf(page({ status: 'CANCELLED' }))).toBeLessThanOrEqual(lists);
  expect(await rowsOf(page({ kind: 'deposit' }))).toBeLessThanOrEqual(lists);
  expect(await rowsOf(page({ kind: 'deposit', status: 'IN_PROGRESS' }))).toBeLessThanOrEqual(lists);
  expect(await rowsOf(page({ status: 'IN_PROGRESS' }))).toBeLessThanOrEqual(lists);
  expect(await rowsOf(page({}))).toBeLessThanOrEqual(lists + READ);
});

it('reads a page of the withdrawals that have ended in a way, not all that did', async () => {
  await world.owner.query(
    `set session_replication_role = replica;
    insert into transfer_groups (id, kind, status, client, created_at, opened_by)
      select 'ended-' || n, 'withdrawal',
          case when n = 1 then 'RELEASED'::group_status else 'SETTLED' end, 'x',
          clock_timestamp(), 'x'
        from generate_series(1, ${OPEN}) n;
    insert into withdrawals (group_id, wallet_id, asset, destination, amount, fee_mode, state)
      select 'ended-' || n, 'w', 'USD', '0x1', 1, 'platform',
          case when n = 1 then 'released' else 'settled' end
        from generate_series(1, ${OPEN}) n;
    set session_replication_role = default`,
  );
  const { data } = await listGroups(world.db, { state: 'released' }, { limit: LIMIT });
  expect(data.map(({ id }) => id)).toEqual(['ended-1']);
  const settled = { state: 'settled', status: 'SETTLED', kind: 'withdrawal' } as const;
  expect((await listGroups(world.db, settled, { limit: LIMIT })).data).toHaveLength(LIMIT);
  for (const other of [{ kind: 'transfer' }, { status: 'RELEASED' }] as const) {
    const none = await listGroups(world.db, { ...settled, ...other }, { limit: LIMIT });
    expect(none).toEqual({ data: [], nextCursor: null });
  }
  expect(await rowsOf(page({ state: 'settled' }))).toBeLessThanOrEqual(2 * READ);
  expect(await rowsOf(page({ state: 'released' }))).toBeLessThanOrEqual(2 * READ);
});

it("reads a page of a wallet's groups along its entries, without any statistics", async () => {
  expect(await rowsOf(page({ wallet: busy }))).toBeLessThanOrEqual(2 * READ);
  const open = { wallet: busy, status: 'IN_PROGRESS' as const };
  expect(await rowsOf(page(open))).toBeLessThanOrEqual(2 * READ);
});

it('reads a page of wallets of any kind and asset, not all that it leaves out', async () => {
  await createWallet(world.db, { owner: 'shop', asset: 'USD', kind: 'merchant' });
  await world.owner.query(
    `insert into wallets (id, owner, asset, kind)
      select 'many-' || n, 'many', 'USD', 'user' from generate_series(1, $1::integer) n`,
    [MANY_WALLETS],
  );
  await world.owner.query(
    `insert into wallet_balances (wallet_id, asset, scale, mode, overdraft)
      select id, asset, 2, 'strict', false from wallets where owner = 'many'`,
  );
  await world.owner.query('analyze wallets, wallet_balances');
  const wallets = (filter: WalletFilter) => async (session: Db) => {
    const first = await listWallets(session, filter, { limit: LIMIT });
    await listWallets(session, filter, { limit: LIMIT, cursor: first.nextCursor });
  };
  const { data } = await listWallets(world.db, { kind: 'merchant' }, { limit: LIMIT });
  expect(data).toMatchObject([{ owner: 'shop' }]);
  expect(await rowsOf(wallets({}))).toBeLessThanOrEqual(READ);
  const lists = 3 * 10;
  const readsFew = async () => {
    expect(await rowsOf(wallets({ kind: 'merchant' }))).toBeLessThanOrEqual(lists);
    expect(await rowsOf(wallets({ kind: 'user' }))).toBeLessThanOrEqual(lists);
    expect(await rowsOf(wallets({ asset: 'USD' }))).toBeLessThanOrEqual(lists);
    expect(await rowsOf(wallets({ asset: 'USD', kind: 'user' }))).toBeLessThanOrEqual(lists);
  };
  await readsFew();
  // What every sixth sample of them says: that there is one kind.
  await world.owner.query(`alter table wallets alter kind set (n_distinct = 1);
    analyze wallets`);
  await readsFew();
});

it('reads a page of the open groups for the sweeper, wherever it is', async () => {
  const until = await timeAgo(world.db, 0);
  const middle = await listOpenGroups(world.db, { until, after: null, limit: OPEN / 2 });
  const after = middle.nextCursor;
  const read = (session: Db) => listOpenGroups(session, { until, after, limit: LIMIT });
  expect(await rowsOf(read)).toBeLessThanOrEqual(2 * READ);
});

/** Pages of a busy wallet by what few of its entries and groups match. */
import { beforeAll, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { listWalletEntries } from '../../src/ledger/entries.ts';
import { listGroups } from '../../src/ledger/groups.ts';
import type { Page } from '../../src/ledger/page.ts';
import { release } from '../../src/ledger/release.ts';
import { withPlanWatch } from '../support/planWatch.ts';
import type { TestDatabase } from '../support/testDatabase.ts';
import { createWorld, debit, done, hold, step, walletWith } from './ledgerWorld.ts';

/** More than the 20,000 that one page looks at, see `walk`, and fewer than two pages do. */
const MANY = 35_000;
const LONGEST_STRETCH = 5_000;
/** Of two lists, whose nine stretches are two statements each. */
const MOST_STATEMENTS = 45;
const LIMIT = 2;

let world: TestDatabase & { db: Pool };
let busy: string;
let released: string;
beforeAll(async () => {
  world = await createWorld();
  busy = await walletWith(world.db, '10');
  released = await hold(world.db, [debit(busy, '1')]);
  await done(release(world.db, { ...step('release', released), reason: 'x' }));
  // As many holds later, in two groups.
  await world.owner.query(`
    insert into transfer_groups (id, kind, status, client, created_at, opened_by)
      select 'raw-' || n, 'transfer', 'IN_PROGRESS', 'x', clock_timestamp(), 'x'
      from generate_series(0, 1) n;
    insert into ledger_entries
        (group_id, leg, wallet_id, asset, type, status, amount, operation, created_at)
      select 'raw-' || n % 2, n / 2, '${busy}', 'USD', 'CREDIT', 'HOLD', 1, 'x', clock_timestamp()
      from generate_series(0, ${MANY - 1}) n;
    analyze ledger_entries`);
});

/** All pages of a list, as many as there are. */
async function pagesOf<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<T[][]> {
  const pages: T[][] = [];
  let cursor: string | null = null;
  do {
    const page = await read(cursor);
    pages.push(page.data);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return pages;
}

it('ends a page of groups early, and goes on where it ended', async () => {
  const filter = { wallet: busy, status: 'RELEASED' as const };
  const pages = await pagesOf((cursor) => listGroups(world.db, filter, { limit: LIMIT, cursor }));
  expect(pages.map((page) => page.map(({ id }) => id))).toEqual([[], [released]]);
});

it('ends a page of entries early, and goes on where it ended', async () => {
  const pages = await pagesOf((cursor) =>
    listWalletEntries(world.db, busy, { status: 'RELEASED' }, { limit: LIMIT, cursor }),
  );
  expect(pages.map((page) => page.map(({ groupId }) => groupId))).toEqual([[], [released]]);
});

it('reads so many rows for a page and no more, in stretches', async () => {
  await withPlanWatch(world.owner, async (watch) => {
    await listGroups(watch.session, { wallet: busy, kind: 'deposit' }, { limit: LIMIT });
    await listWalletEntries(watch.session, busy, { type: 'DEBIT' }, { limit: LIMIT });
    expect(watch.most).toBeLessThanOrEqual(LONGEST_STRETCH);
    expect(watch.statements).toBeLessThan(MOST_STATEMENTS);
  });
});

it('tells nothing twice where each stretch ends in the middle of a page', async () => {
  const all = await pagesOf((cursor) =>
    listWalletEntries(world.db, busy, { type: 'CREDIT' }, { limit: 200, cursor }),
  );
  const ids = all.flat().map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

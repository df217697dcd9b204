/** System wallets are read from a checkpoint, which the service keeps. */
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { audit } from '../../src/ledger/audit.ts';
import { checkpoint } from '../../src/ledger/checkpoint.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { balanceAt, readWallet } from '../../src/ledger/wallets.ts';
import { withPlanWatch } from '../support/planWatch.ts';
import {
  addAsset,
  createWorld,
  credit,
  debit,
  done,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

/** Deposits, of two entries with the outside's wallet each. */
const DEPOSITS = 30;
const OUTSIDE = 'external:USD';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
  for (let each = 0; each < DEPOSITS; each++) await walletWith(db, '1');
});

/** Other tests write on the same server, and what is younger than their transactions waits. */
async function foldAll(): Promise<void> {
  let folded = 0;
  const more = async () => {
    folded += (await checkpoint(db)).folded;
    return folded;
  };
  await expect.poll(more, { timeout: 20_000 }).toBeGreaterThanOrEqual(2 * DEPOSITS);
}

it('makes a balance a look at what came since, and changes none', async () => {
  const before = await readWallet(db, OUTSIDE);
  await foldAll();
  expect(await readWallet(db, OUTSIDE)).toEqual(before);
  await withPlanWatch(owner, async (watch) => {
    await readWallet(watch.session, OUTSIDE);
    expect(watch.most).toBeLessThan(10);
  });
  expect(await checkpoint(db)).toEqual({ folded: 0, isMore: false });
  expect(await audit(db)).toMatchObject({ ok: true });
});

it('is written down once in a while, so that an earlier balance is a look as well', async () => {
  const written = async () => {
    const { rows } = await db.query(
      'select count(*)::integer as n from balance_snapshots where wallet_id = $1',
      [OUTSIDE],
    );
    return rows[0]?.n;
  };
  const first = await written();
  expect(first).toBeGreaterThan(0);
  await walletWith(db, '1');
  await checkpoint(db);
  expect(await written(), 'not each time').toBe(first);
  const { rows } = await db.query('select ledger_checkpoint(0), rfc3339(clock_timestamp()) as now');
  const at = rows[0]?.now;
  expect(await balanceAt(db, OUTSIDE, at)).toMatchObject({
    balance: { settled: String(-DEPOSITS - 1) },
  });
});

it('goes on in portions, and no balance differs in between', async () => {
  await checkpoint(db);
  for (let each = 0; each < DEPOSITS; each++) await walletWith(db, '1');
  expect(await foldBy(7)).toBe(7);
});

it('folds a transaction as a whole', async () => {
  const [to, admin] = [await walletWith(db, '0'), { name: 'test', admin: true }];
  for (let each = 0; each < 3; each++) {
    const legs = [debit(OUTSIDE, '1'), credit(to, '1')];
    await done(openTransfer(db, { ...transferInput(legs, { settle: 'immediate' }), actor: admin }));
  }
  // Held and settled at once.
  expect(await foldBy(1)).toBe(2);
});

/** By so many at a time, until nothing is left. Answers the largest portion. */
async function foldBy(most: number): Promise<number> {
  const before = await readWallet(db, OUTSIDE);
  const portions: { folded: number; isMore: boolean; wallet: typeof before }[] = [];
  const left = async () => {
    portions.push({ ...(await checkpoint(db, most)), wallet: await readWallet(db, OUTSIDE) });
    const { rows } = await db.query<{ left: boolean }>(
      `select exists (select from ledger_entries e join wallet_balances b using (wallet_id)
        where b.wallet_id = $1 and e.xid >= b.folded_below) as left`,
      [OUTSIDE],
    );
    return rows[0]?.left;
  };
  await expect.poll(left, { timeout: 20_000 }).toBe(false);
  // Not in the poll, which asks again where something fails in it.
  for (const { folded, isMore, wallet } of portions) {
    expect({ isMore, wallet }).toEqual({ isMore: folded >= most, wallet: before });
  }
  expect(await audit(db)).toMatchObject({ ok: true });
  return Math.max(...portions.map(({ folded }) => folded));
}

it('is left to whoever is at it, so that nothing is folded twice', async () => {
  await addAsset(db, { code: 'TWO', scale: 2 });
  const wallet = 'external:TWO';
  await walletWith(db, '3', 'TWO');
  const fold = 'select ledger_fold($1)::integer as folded';
  const first = await db.connect();
  onTestFinished(() => first.release(true));
  const begun = async () => {
    await first.query('begin');
    const { rows } = await first.query(fold, [wallet]);
    if (rows[0]?.folded === 0) await first.query('rollback');
    return rows[0]?.folded;
  };
  await expect.poll(begun, { timeout: 20_000 }).toBe(2);
  const second = db.query(fold, [wallet]);
  const late = new Promise((resolve) => setTimeout(resolve, 2_000, 'it waits'));
  expect(await Promise.race([second.then(({ rows }) => rows[0]?.folded), late])).toBe(0);
  await first.query('commit');
  expect((await readWallet(db, wallet))?.balance.settled).toBe('-3');
  expect(await audit(db)).toMatchObject({ ok: true });
});

/** Migrations on a database that is in use: later files change no row that is there. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { audit } from '../../src/ledger/audit.ts';
import { migrateUpTo, migrationFiles } from '../support/oldDatabase.ts';
import { execute, openPool, type Pool, withDatabase } from '../support/templateDatabase.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import type { Driver } from './driver.ts';
import { LedgerDriver, onLedger } from './ledgerDriver.ts';
import { createWallets, done, move, parts, rows, tell } from './story.ts';

const on = onLedger();

/**
 * The last migration of each release, from which every database of it comes. Nothing is released
 * yet; up to then the first files with which all of the ledger's functions run stand for a version.
 */
const RELEASED: readonly string[] = [];
const FIRST_THAT_RUNS = '0022';

test.each([...RELEASED, FIRST_THAT_RUNS])(
  'a database from before %s that is full of money takes every later migration',
  async (version) => {
    const name = `version_${randomBytes(4).toString('hex')}`;
    await execute(on.db.url, `create database ${name}`);
    const url = withDatabase(on.db.url, name);
    const later = (await migrationFiles()).filter((file) => file > version);
    const pool = openPool(url, 4);
    try {
      await migrateUpTo(pool, version);
      const there = new LedgerDriver({ db: { ...on.db, url, pool, owner: pool } }, 'shop', false);
      const [wallet, other] = await createWallets(there, ['100', '0']);
      const { held, deposit, out } = await everyKindOfGroup(there, wallet, other);
      const before = await dumpOf(pool, [
        'assets',
        'wallets',
        'wallet_balances',
        'transfer_groups',
        'transfer_legs',
        'ledger_entries',
        'operations',
        'outbox',
        'deposits',
        'withdrawals',
      ]);
      expect(await migrate(url)).toEqual(later);
      expect(
        await dumpOf(
          pool,
          before.map(([table]) => table),
        ),
      ).toEqual(before);
      done(await there.settle(held));
      done(await there.confirm(deposit));
      done(await there.finalize(out));
      expect(await parts(there, wallet)).toEqual(['58', '0', '0']);
      expect(await audit(pool)).toMatchObject({ ok: true });
    } finally {
      await pool.end();
      await execute(on.db.url, `drop database ${name} with (force)`);
    }
  },
);

test('a second migration does nothing, on a database that is full of money', async () => {
  const [wallet, other] = await createWallets(on, ['100', '0']);
  const { held } = await everyKindOfGroup(on, wallet, other);
  const look = async () => [
    await dumpOf(on.db.owner, await tablesOf(on.db.owner)),
    await madeIn(on.db.owner),
  ];
  const before = await look();
  expect(await migrate(on.db.url)).toEqual([]);
  expect(await migrate(on.db.url)).toEqual([]);
  expect(await look()).toEqual(before);
  done(await on.settle(held));
  expect(await rows(on, held)).toHaveLength(4);
  expect(await parts(on, wallet)).toEqual(['55', '3', '7']);
});

test('processes that start at once migrate once', async () => {
  const name = `migrated_${randomBytes(4).toString('hex')}`;
  await execute(on.db.url, `create database ${name}`);
  const url = withDatabase(on.db.url, name);
  try {
    const applied = await Promise.all([migrate(url), migrate(url), migrate(url)]);
    const files = await migrationFiles();
    expect(applied.filter((names) => names.length > 0)).toEqual([files]);
    expect(await migrate(url)).toEqual([]);
  } finally {
    await execute(on.db.url, `drop database ${name} with (force)`);
  }
});

test('a migration that was changed after it had been applied is refused by name', async () => {
  const { url, owner } = await createTestDatabase();
  const [first, last] = [(await migrationFiles())[0], (await migrationFiles()).at(-1)];
  await owner.query(`update schema_migrations set checksum = 'other' where name = $1`, [last]);
  await owner.query('delete from schema_migrations where name = $1', [first]);
  await expect(migrate(url), 'and none before it is begun').rejects.toThrow(`${last} was changed`);
  await owner.query('delete from schema_migrations');
  await expect(migrate(url), 'what is there is not made again').rejects.toThrow(/failed/);
  expect(await audit(owner)).toMatchObject({ ok: true });
});

tell({}, on);

/** Something held, pending, on its way out, settled, reversed and refused, starting from 100. */
async function everyKindOfGroup(driver: Driver, wallet: string, other: string) {
  const held = done(await driver.hold(move(wallet, other, '30'))).id;
  const deposit = done(await driver.deposit(wallet, '5', { txid: 'tx', source: 'bank' })).id;
  done(await driver.confirm(deposit, { amount: '2' }));
  const out = done(await driver.withdraw(wallet, '7')).id;
  const paid = done(await driver.transfer(move(wallet, other, '11')));
  done(await driver.reverse(paid.id, 'not wanted', { amount: '1' }));
  expect((await driver.transfer(move(other, wallet, '500'))).outcome).toBe('INSUFFICIENT_FUNDS');
  return { held, deposit, out };
}

async function tablesOf(pool: Pool): Promise<string[]> {
  const { rows: tables } = await pool.query(
    `select tablename from pg_tables where schemaname = 'public' order by 1`,
  );
  return tables.map(({ tablename }) => tablename);
}

/** Every row of the tables, as JSON, so that a column that came since can be told. */
async function dumpOf(pool: Pool, tables: string[]): Promise<[string, unknown[]][]> {
  const dump: [string, unknown[]][] = [];
  for (const table of tables) {
    const found = await pool.query(`select to_jsonb(t) as row from ${table} t order by t::text`);
    dump.push([table, found.rows]);
  }
  return dump;
}

/** Every function and trigger, as it is written. */
async function madeIn(pool: Pool): Promise<unknown[]> {
  const { rows: made } = await pool.query(
    `select pg_get_functiondef(oid) as made from pg_proc
       where pronamespace = 'public'::regnamespace and prokind = 'f'
     union all select pg_get_triggerdef(oid) from pg_trigger order by 1`,
  );
  return made;
}

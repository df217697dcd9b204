/**
 * `npm run bench storage`: what an operation costs each index of the ledger and how often it looks
 * something up there; how many updates stay on their page, by fill factor; what is left behind
 * where nothing is vacuumed. docs/storage.md argues with these figures.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { migrate } from '../src/db/migrate.ts';
import { createPool, type Db } from '../src/db/pool.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { startPostgres } from '../src/dev/stack/postgres.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { hold, immediate, type Operation, pair, prepare, settleHeld } from './ledgerContenders.ts';
import type { Row, Tell } from './report.ts';

/** As many at once as the service's pool has. */
const CONNECTIONS = 20;
/** The tables that every step writes. */
const TABLES = [
  'transfer_groups',
  'transfer_legs',
  'ledger_entries',
  'operations',
  'outbox',
  'wallet_balances',
];
/** Those whose rows change, with the fill factors that are compared. */
const FILL_FACTORS: Record<string, number[]> = {
  wallet_balances: [100, 85, 50],
  transfer_legs: [100, 90, 85],
  transfer_groups: [100, 85],
};

interface Ledger {
  clients: Db[];
  owner: Db;
  /** Operations that each figure is made of. */
  count: number;
}

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      /** Operations that each figure is made of. */
      operations: { type: 'string', default: '10000' },
    },
  });
  const home = throwAwayFolder(postgresUser());
  const postgres = await startPostgres({ dataDir: home, logDir: home, say: console.error });
  try {
    const { databaseUrl } = postgres;
    await migrate(databaseUrl);
    const pool = createPool({ databaseUrl, size: CONNECTIONS + 1, applicationName: 'bench' });
    const owner = await pool.connect();
    await prepare(owner);
    const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => pool.connect()));
    try {
      await report({ clients, owner, count: Number(values.operations) }, tell);
    } finally {
      for (const client of [...clients, owner]) client.release(true);
      await pool.end();
    }
  } finally {
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function report(ledger: Ledger, tell: Tell): Promise<void> {
  for (const table of TABLES) {
    await ledger.owner.query(`alter table ${table} set (autovacuum_enabled = off)`);
  }
  for (const [name, operation] of Object.entries({ pair, immediate })) {
    tell({ title: `indexes, one ${name}`, rows: await indexCosts(ledger, operation) });
  }
  for (const [when, work] of Object.entries({ 'at once': pairs, 'after all are held': late })) {
    const rows: Row[] = [];
    for (const [table, factors] of Object.entries(FILL_FACTORS)) {
      for (const factor of factors) rows.push(await updatesOf(ledger, work, table, factor));
    }
    const what = `${ledger.count} pairs, settled ${when}, nothing vacuumed`;
    tell({ title: `updates on their own page: ${what}`, rows });
  }
}

type Work = (ledger: Ledger) => Promise<void>;

const pairs: Work = (ledger) => repeat(ledger, pair);

/** As where money waits for a chain or a person. */
const late: Work = async (ledger) => {
  const keys: string[] = [];
  await repeat(ledger, async (db) => {
    keys.push(await hold(db));
  });
  await repeat(ledger, (db) => settleHeld(db, keys.shift() ?? ''));
};

/** Does so many, all connections at once, and lets Postgres count them. */
async function repeat({ clients, count }: Ledger, operation: Operation): Promise<void> {
  let left = count;
  await Promise.all(
    clients.map(async (db) => {
      while (left > 0) {
        left -= 1;
        await operation(db);
      }
      await db.query('select pg_stat_force_next_flush()');
    }),
  );
}

async function indexCosts(ledger: Ledger, operation: Operation): Promise<Row[]> {
  await repeat(ledger, operation);
  const before = await indexes(ledger.owner);
  await repeat(ledger, operation);
  const after = await indexes(ledger.owner);
  return Object.entries(after).map(([name, { bytes, scans }]) => ({
    name,
    unit: 'bytes',
    rounds: [(bytes - (before[name]?.bytes ?? 0)) / ledger.count],
    more: { 'look-ups': (scans - (before[name]?.scans ?? 0)) / ledger.count },
  }));
}

async function indexes(db: Db): Promise<Record<string, { bytes: number; scans: number }>> {
  const { rows } = await db.query<{ name: string; bytes: number; scans: number }>(
    `select indexrelname as name, pg_relation_size(indexrelid)::float8 as bytes,
       idx_scan::float8 as scans
     from pg_stat_user_indexes where relname = any($1) order by relname, indexrelname`,
    [TABLES],
  );
  return Object.fromEntries(rows.map(({ name, ...counts }) => [name, counts]));
}

/** Pairs, with this table packed anew by this fill factor. */
async function updatesOf(ledger: Ledger, work: Work, table: string, factor: number): Promise<Row> {
  const { owner, count } = ledger;
  await owner.query(`alter table ${table} set (fillfactor = ${factor})`);
  await owner.query(`vacuum full analyze ${table}`);
  await owner.query(`select pg_stat_reset_single_table_counters($1::regclass)`, [table]);
  const before = await sizeOf(owner, table);
  await work(ledger);
  const after = await sizeOf(owner, table);
  const { rows } = await owner.query<{ all: number; same: number; dead: number }>(
    `select n_tup_upd::float8 as all, n_tup_hot_upd::float8 as same, n_dead_tup::float8 as dead
     from pg_stat_user_tables where relname = $1`,
    [table],
  );
  const { all = 0, same = 0, dead = 0 } = rows[0] ?? {};
  return {
    name: `${table}, fill factor ${factor}`,
    unit: '%',
    rounds: [(100 * same) / all],
    more: {
      'updates a pair': all / count,
      'bytes a pair, with indexes': (after - before) / count,
      'dead rows left a pair': dead / count,
      'MB at the end': after / 2 ** 20,
    },
  };
}

async function sizeOf(db: Db, table: string): Promise<number> {
  const { rows } = await db.query<{ bytes: number }>(
    'select pg_total_relation_size($1::regclass)::float8 as bytes',
    [table],
  );
  return rows[0]?.bytes ?? 0;
}

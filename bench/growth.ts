/**
 * `npm run bench growth`: the same operations and reads in a ledger that is all but empty and in
 * one with many entries, in turns, on one Postgres with its default, durable settings. The wallets
 * that are read have full pages in both. The entries are written by the ledger's own functions, so
 * filling takes a while: some 5,000 a second.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
// biome-ignore lint/style/noRestrictedImports: src/db has no connection that may make databases.
import pg from 'pg';
import { migrate } from '../src/db/migrate.ts';
import { createPool, type Db, type Pool } from '../src/db/pool.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { startPostgres } from '../src/dev/stack/postgres.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { listWalletEntries } from '../src/ledger/entries.ts';
import { balanceAt, readWallet } from '../src/ledger/wallets.ts';
import { anyReader, fillHalf } from './growthFill.ts';
import { anyWallet, immediate, type Operation, pair, prepare } from './ledgerContenders.ts';
import { postgresSettings } from './machine.ts';
import { againstFirst, type Row, type Tell } from './report.ts';
import { perSecond } from './rounds.ts';

const CONNECTIONS = 20;
const PAGE = { limit: 50, cursor: null };

interface Ledger {
  name: string;
  pool: Pool;
  /** A time with half of the entries on either side. */
  middle: string;
}

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      /** How many entries the large ledger has. */
      entries: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '5' },
      /** Seconds a round. */
      seconds: { type: 'string', default: '2' },
    },
  });
  const home = throwAwayFolder(postgresUser());
  const postgres = await startPostgres({ dataDir: home, logDir: home, say: console.error });
  const ledgers: Ledger[] = [];
  try {
    const entries = Number(values.entries);
    ledgers.push(await open(postgres.databaseUrl, 'empty', 0));
    ledgers.push(await open(postgres.databaseUrl, `${entries} entries`, entries));
    await report(ledgers, Number(values.rounds), Number(values.seconds), tell);
  } finally {
    for (const { pool } of ledgers) await pool.end();
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Makes a database of its own and fills it. */
async function open(serverUrl: string, name: string, entries: number): Promise<Ledger> {
  const database = `growth_${entries}`;
  // Not by a pool of the service: its role is made by the first migration.
  const admin = new pg.Client(serverUrl);
  await admin.connect();
  await admin.query(`create database ${database}`);
  await admin.end();
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  await migrate(url.href);
  const pool = createPool({
    databaseUrl: url.href,
    size: CONNECTIONS,
    applicationName: 'bench',
  });
  const one = await pool.connect();
  await prepare(one);
  // Its rights were changed on the way.
  one.release(true);
  await fillHalf(pool, entries / 2);
  const { rows } = await pool.query<{ now: string }>('select rfc3339(clock_timestamp()) as now');
  await fillHalf(pool, entries / 2);
  return { name, pool, middle: rows[0]?.now ?? '' };
}

async function report(ledgers: Ledger[], rounds: number, seconds: number, tell: Tell) {
  const settings = await postgresSettings(ledgers[0]?.pool as Pool);
  const steps: Record<string, Operation> = { pairs: pair, 'immediate transfers': immediate };
  for (const [what, operation] of Object.entries(steps)) {
    const rows = await inTurns(ledgers, rounds, seconds, CONNECTIONS, () => operation);
    tell({ title: `${what}, ${CONNECTIONS} connections, a call a step; ${settings}`, rows });
  }
  const reads: Record<string, (ledger: Ledger) => Operation> = {
    'balance now': () => async (db) => void (await readWallet(db, anyWallet())),
    'balance at half time': (at) => async (db) =>
      void (await balanceAt(db, anyReader(), at.middle)),
    'newest page of 50': () => async (db) =>
      void (await listWalletEntries(db, anyReader(), {}, PAGE)),
    'page from half time': (at) => async (db) =>
      void (await listWalletEntries(db, anyReader(), { to: at.middle }, PAGE)),
  };
  for (const [what, read] of Object.entries(reads)) {
    const rows = await inTurns(ledgers, rounds, seconds / 2, 1, read);
    tell({ title: `${what}, 1 connection`, rows });
  }
}

/** What the ledgers get through a second, round by round, each against the empty one. */
async function inTurns(
  ledgers: Ledger[],
  rounds: number,
  seconds: number,
  connections: number,
  operationOn: (ledger: Ledger) => Operation,
): Promise<Row[]> {
  const rows = ledgers.map(({ name }): Row => ({ name, unit: '/s', rounds: [] }));
  // Round 0 warms plans and caches up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, ledger] of ledgers.entries()) {
      const operation = operationOn(ledger);
      const rate = await onConnections(ledger.pool, connections, seconds, operation);
      if (round > 0) rows[index]?.rounds.push(rate);
    }
  }
  return againstFirst(rows);
}

async function onConnections(
  pool: Pool,
  connections: number,
  seconds: number,
  operation: Operation,
): Promise<number> {
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  try {
    return await perSecond(
      clients.map((client: Db) => () => operation(client)),
      seconds,
    );
  } finally {
    for (const client of clients) client.release();
  }
}

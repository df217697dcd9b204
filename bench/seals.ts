/**
 * `npm run bench seals`: how many entries a second are sealed and verified, what a seal takes a
 * sealed entry, and what steps lose by it: ledgers in turns, one without the index by which seals
 * find their entries, one with it, one that is sealed all the time as well. Postgres has its
 * default, durable settings.
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
import { queueSteps } from '../src/ledger/stepQueue.ts';
import { createLog } from '../src/observability/log.ts';
import { startSealer } from '../src/seals/sealer.ts';
import { sealNext } from '../src/seals/sealTables.ts';
import { verifySeals } from '../src/seals/verify.ts';
import { fillHalf } from './growthFill.ts';
import { immediate, type Operation, pair, prepare } from './ledgerContenders.ts';
import { postgresSettings } from './machine.ts';
import { againstFirst, type Row, type Tell } from './report.ts';
import { perSecond } from './rounds.ts';

/** As many callers as `bench ledger` has. */
const CALLERS = 20;
/** Sixty times as often as by default, so that what it costs can be seen at all. */
const SEAL_EVERY_MS = 1_000;

interface Ledger {
  name: string;
  url: string;
  pool: Pool;
  isSealed: boolean;
}

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      /** How many entries are sealed and verified. */
      entries: { type: 'string', default: '200000' },
      rounds: { type: 'string', default: '5' },
      /** Seconds a round. */
      seconds: { type: 'string', default: '2' },
    },
  });
  const home = throwAwayFolder(postgresUser());
  const postgres = await startPostgres({ dataDir: home, logDir: home, say: console.error });
  const ledgers: Ledger[] = [];
  const add = async (name: string, database: string, isSealed = false) => {
    const ledger = await open(postgres.databaseUrl, name, database, isSealed);
    ledgers.push(ledger);
    return ledger;
  };
  try {
    const filled = await add('filled', 'seals_filled');
    await fillHalf(filled.pool, Number(values.entries));
    for (const rows of await sealAndVerify(filled)) tell(rows);
    const bare = await add('no index', 'seals_bare');
    await onServer(bare.url, 'drop index ledger_entries_by_id');
    await add('index', 'seals_index');
    await add('index, sealed every second', 'seals_sealed', true);
    await steps(ledgers.slice(1), Number(values.rounds), Number(values.seconds), tell);
  } finally {
    for (const { pool } of ledgers) await pool.end();
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Makes a database of its own. */
async function open(serverUrl: string, name: string, database: string, isSealed: boolean) {
  await onServer(serverUrl, `create database ${database}`);
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  await migrate(url.href);
  const pool = createPool({ databaseUrl: url.href, size: CALLERS, applicationName: 'bench' });
  const one = await pool.connect();
  await prepare(one);
  // Its rights were changed on the way.
  one.release(true);
  return { name, url: url.href, pool, isSealed };
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(sql);
  await client.end();
}

async function sealAndVerify({ pool, url }: Ledger) {
  await onServer(url, 'vacuum analyze ledger_entries');
  const begun = performance.now();
  let entries = 0;
  for (let sealed = await sealNext(pool); sealed; sealed = await sealNext(pool)) {
    entries += sealed.entries;
  }
  const sealedAt = performance.now();
  const { faults } = await verifySeals({ db: pool, heads: [] });
  const verifiedAt = performance.now();
  if (faults.length > 0) throw new Error(faults[0]);
  const { rows } = await pool.query<{ seals: number; index: number; all: number; n: number }>(
    `select pg_total_relation_size('seals')::int as seals,
       pg_relation_size('ledger_entries_by_id')::int as index,
       pg_total_relation_size('ledger_entries')::int as all,
       (select count(*)::int from seals) as n`,
  );
  const { seals = 0, index = 0, all = 0, n = 0 } = rows[0] ?? {};
  const rate = (name: string, ms: number, more = {}): Row => ({
    name,
    unit: 'entries/s',
    rounds: [(entries * 1000) / ms],
    more,
  });
  const bytes = (name: string, size: number): Row => ({
    name,
    unit: 'bytes an entry',
    rounds: [size / entries],
  });
  return [
    {
      title: `${entries} entries, one connection`,
      rows: [
        rate('sealed', sealedAt - begun, { 'ms a seal': (sealedAt - begun) / n }),
        rate('verified', verifiedAt - sealedAt),
      ],
    },
    {
      title: 'room',
      rows: [
        bytes('entries with their indexes', all),
        bytes('seals', seals),
        bytes('ledger_entries_by_id', index),
      ],
    },
  ];
}

async function steps(ledgers: Ledger[], rounds: number, seconds: number, tell: Tell) {
  const settings = await postgresSettings(ledgers[0]?.pool as Pool);
  const kinds: Record<string, (pool: Pool) => Db> = {
    'a call a step': (pool) => pool,
    'steps that share calls': queueSteps,
  };
  const operations: Record<string, Operation> = { pairs: pair, 'immediate transfers': immediate };
  for (const [how, through] of Object.entries(kinds)) {
    const dbs = new Map(ledgers.map((ledger) => [ledger, through(ledger.pool)]));
    for (const [what, operation] of Object.entries(operations)) {
      const rows = ledgers.map(({ name }): Row => ({ name, unit: '/s', rounds: [] }));
      // Round 0 warms plans and caches up.
      for (let round = 0; round <= rounds; round += 1) {
        for (const [at, ledger] of ledgers.entries()) {
          const rate = await oneRound(ledger, dbs.get(ledger) as Db, operation, seconds);
          if (round > 0) rows[at]?.rounds.push(rate);
        }
      }
      tell({ title: `${what}, ${CALLERS} callers, ${how}; ${settings}`, rows: againstFirst(rows) });
    }
  }
}

async function oneRound({ pool, isSealed }: Ledger, db: Db, operation: Operation, seconds: number) {
  const sealer = isSealed
    ? startSealer({ db: pool, log: createLog('warn'), everyMs: SEAL_EVERY_MS })
    : null;
  try {
    return await perSecond(
      Array.from({ length: CALLERS }, () => () => operation(db)),
      seconds,
    );
  } finally {
    await sealer?.stop();
  }
}

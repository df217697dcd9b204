/** What an operation of the ledger leaves on the disk, by table, and writes ahead of it. */
import type { Db } from '../src/db/pool.ts';
import type { Operation } from './ledgerContenders.ts';
import type { Row } from './report.ts';

/** So many that pages of 8 KiB do not show. */
const OPERATIONS = 4_000;

/**
 * Bytes that the tables and their indexes grow by and that the log is written, for one operation.
 * Rows that were updated in place cost log alone.
 */
export async function bytesEach(db: Db, name: string, operation: Operation): Promise<Row[]> {
  const before = await sizes(db);
  const { rows } = await db.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn');
  let calls = 0;
  const counting = {
    query: ((...values: Parameters<Db['query']>) => {
      calls += 1;
      return db.query(...values);
    }) as Db['query'],
  };
  for (let done = 0; done < OPERATIONS; done += 1) await operation(counting);
  const wal = await db.query<{ bytes: number }>(
    'select pg_wal_lsn_diff(pg_current_wal_lsn(), $1)::float8 as bytes',
    [rows[0]?.lsn],
  );
  const after = await sizes(db);
  const grown = Object.entries(after)
    .map(([table, bytes]) => [table, (bytes - (before[table] ?? 0)) / OPERATIONS] as const)
    .filter(([, bytes]) => bytes >= 1)
    .sort(([, one], [, other]) => other - one);
  const total = grown.reduce((sum, [, bytes]) => sum + bytes, 0);
  return [
    {
      name: `${name}: tables and indexes`,
      unit: 'bytes',
      rounds: [total],
      more: Object.fromEntries(grown),
    },
    {
      name: `${name}: write-ahead log`,
      unit: 'bytes',
      rounds: [(wal.rows[0]?.bytes ?? 0) / OPERATIONS],
    },
    { name: `${name}: round trips`, unit: 'calls', rounds: [calls / OPERATIONS] },
  ];
}

async function sizes(db: Db): Promise<Record<string, number>> {
  const { rows } = await db.query<{ name: string; bytes: number }>(
    `select relname as name, pg_total_relation_size(oid)::float8 as bytes
       from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  return Object.fromEntries(rows.map(({ name, bytes }) => [name, bytes]));
}

/** What a server has read of its tables so far, by its own count. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../src/db/pool.ts';

/** Of one table with its indexes, or of all. */
export interface Reads {
  /** Rows by sequential scans, and entries by indexes. */
  rows: number;
  /** Pages, in memory or not. */
  pages: number;
}

/** By the name of the table. */
export type TableReads = Map<string, Reads>;

/** A session that has nothing to do tells what it read after ten seconds at the latest. */
const UNTIL_TOLD_MS = 11_000;

const READ = `
  select t.relname as name,
      (t.seq_tup_read + coalesce(i.entries, 0))::float8 as rows,
      (coalesce(io.heap_blks_read + io.heap_blks_hit, 0)
        + coalesce(io.idx_blks_read + io.idx_blks_hit, 0))::float8 as pages
    from pg_stat_user_tables t
    join pg_statio_user_tables io using (relid)
    left join (select relid, sum(idx_tup_read) as entries from pg_stat_user_indexes group by 1) i
      using (relid)`;

/** Waits until all sessions have told what they read, and answers how much that is by now. */
export async function tableReads(db: Pool): Promise<TableReads> {
  await sleep(UNTIL_TOLD_MS);
  const { rows } = await db.query<Reads & { name: string }>(READ);
  return new Map(rows.map(({ name, ...reads }) => [name, reads]));
}

/** What was read between two looks, less so many times what `idle` has; each divided by `count`. */
export function readsBetween(
  [before, after]: [TableReads, TableReads],
  count: number,
  idle: { reads: TableReads; times: number } = { reads: new Map(), times: 0 },
): TableReads {
  const none = { rows: 0, pages: 0 };
  const each = (name: string, what: keyof Reads) => {
    const of = (reads: TableReads) => (reads.get(name) ?? none)[what];
    return Math.max(0, (of(after) - of(before) - of(idle.reads) * idle.times) / count);
  };
  return new Map(
    [...after.keys()].map((name) => [
      name,
      { rows: each(name, 'rows'), pages: each(name, 'pages') },
    ]),
  );
}

/** Of all tables together. */
export function inAll(reads: TableReads): Reads {
  const sum = (what: keyof Reads) => [...reads.values()].reduce((all, each) => all + each[what], 0);
  return { rows: sum('rows'), pages: sum('pages') };
}

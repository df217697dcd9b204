import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/** How long it is believed how far two clocks are apart, in milliseconds. */
const KEPT_MS = 60_000;

const seen = new WeakMap<Db, { at: number; aheadMs: number }>();

/**
 * What the database's clock shows when this process's shows `now`, both in milliseconds since the
 * epoch; by what its answer took to come it is told too late, never too early. Asks once a minute.
 */
export async function databaseTimeAt(db: Db, now: number): Promise<number> {
  const known = seen.get(db);
  // A clock that was set back tells nothing of when that was.
  if (known && known.at <= now && now < known.at + KEPT_MS) return now + known.aheadMs;
  const { rows } = await withRetry(() =>
    db.query<{ now: string }>({
      name: 'database_clock',
      text: 'select extract(epoch from clock_timestamp()) * 1000 as now',
    }),
  );
  const aheadMs = Number(rows[0]?.now) - now;
  seen.set(db, { at: now, aheadMs });
  return now + aheadMs;
}

/** Payout runs under way, read from the books when it is asked for. */
import { Gauge, type Registry } from 'prom-client';
import type { Db } from '../db/pool.ts';

interface Reading {
  name: string;
  help: string;
  /** An expression over the runs under way; floats are near enough for a chart. */
  value: string;
}

const READINGS: readonly Reading[] = [
  {
    name: 'holdfast_open_payout_runs',
    help: 'Payout runs that have not ended',
    value: 'count(*)',
  },
  {
    name: 'holdfast_payout_lines_waiting',
    help: 'Lines of payout runs under way that are neither paid nor refused nor held',
    value: 'coalesce(sum(lines - settled - refused - cancelled - held - released), 0)',
  },
  {
    name: 'holdfast_payout_lines_held',
    help: 'Lines of payout runs under way whose withdrawals are open',
    value: 'coalesce(sum(held), 0)',
  },
  {
    name: 'holdfast_open_payout_runs_oldest_seconds',
    help: 'Age of the oldest payout run that has not ended',
    value: 'coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)',
  },
];

/** Exports them. A database that is away leaves them out of a scrape instead of failing it. */
export function observePayoutRuns(registry: Registry, db: Db): void {
  for (const { name, help, value } of READINGS) {
    // The condition is that of the index of open runs.
    const sql = `select (${value})::float8 as value from payout_runs where finished_at is null`;
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const [row] = (await db.query<{ value: number }>(sql).catch(() => null))?.rows ?? [];
        if (row) this.set(row.value);
        // A reset would tell a 0.
        else this.remove();
      },
    });
  }
}

/** What is on its way out and what it waits for, read from the books when it is asked for. */
import { Gauge, type Registry } from 'prom-client';
import type { Db } from '../db/pool.ts';

interface Reading {
  name: string;
  help: string;
  /** An expression over the open withdrawals of one state; floats are near enough for a chart. */
  value: string;
}

const READINGS: readonly Reading[] = [
  {
    name: 'holdfast_open_withdrawals',
    help: 'Withdrawals that have not ended, by state',
    value: 'count(*)',
  },
  {
    name: 'holdfast_open_withdrawals_oldest_seconds',
    help: 'For how long the one has been in its state that has been there for longest',
    value: 'extract(epoch from clock_timestamp() - min(updated_at))',
  },
];

/** Exports them. A database that is away leaves them out of a scrape instead of failing it. */
export function observeWithdrawals(registry: Registry, db: Db): void {
  for (const { name, help, value } of READINGS) {
    // The first condition is that of the index of open withdrawals; what was paid late has ended.
    const sql = `select state, (${value})::float8 as value from withdrawals
      where state not in ('settled', 'released') and state <> 'late_confirmed'
        and not exists (select from collections c where c.group_id = withdrawals.group_id)
        and not starts_with(group_id, 'batch:')
      group by state`;
    new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers: [registry],
      async collect() {
        this.reset();
        const read = db.query<{ state: string; value: number }>(sql).catch(() => null);
        for (const row of (await read)?.rows ?? []) this.set({ state: row.state }, row.value);
      },
    });
  }
}

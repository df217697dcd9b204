/** How far the seals have got, read when it is asked for. */
import { Gauge, type Registry } from 'prom-client';
import type { Db } from '../db/pool.ts';
import { readSealsState, type SealsState } from './sealTables.ts';

const READINGS: Record<string, { help: string; of: (state: SealsState) => number }> = {
  holdfast_seals_number: {
    help: 'Number of the last seal over the entries',
    of: ({ number }) => number,
  },
  holdfast_seals_entries: {
    help: 'Entries that are sealed',
    of: ({ entries }) => entries,
  },
  holdfast_seals_entries_waiting: {
    help: 'Ids given to entries since the last seal: so many entries are not sealed, or fewer',
    of: ({ waiting }) => waiting,
  },
  holdfast_seals_oldest_seconds: {
    help: 'Age of the oldest entry that is not sealed',
    of: ({ oldestSeconds }) => oldestSeconds,
  },
  holdfast_seals_open_transactions: {
    help: 'Transactions since the oldest one that still writes; what they wrote cannot be sealed',
    of: ({ openTransactions }) => openTransactions,
  },
};

/** Exports them. A database that is away leaves them out of a scrape instead of failing it. */
export function observeSeals(registry: Registry, db: Db): void {
  let underWay: Promise<SealsState | null> | null = null;
  // The gauges of one scrape are asked at the same moment, and share one answer.
  const read = () => {
    underWay ??= readSealsState(db)
      .catch(() => null)
      .finally(() => {
        underWay = null;
      });
    return underWay;
  };
  for (const [name, { help, of }] of Object.entries(READINGS)) {
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const state = await read();
        // A reset would tell a 0.
        if (state === null) this.remove();
        else this.set(of(state));
      },
    });
  }
}

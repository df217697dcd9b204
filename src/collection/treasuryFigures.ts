/** What the hot wallet has and what still lies on deposit addresses, by the books. */
import { Gauge, type Registry } from 'prom-client';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';

interface Reading {
  name: string;
  help: string;
  /** Answers rows of `label` and `value`; floats are near enough for a chart. */
  sql: string;
  label: string;
}

const READINGS: readonly Reading[] = [
  {
    name: 'holdfast_treasury_hot',
    help: 'What the hot wallet has of an asset with a treasury rule, by the books',
    sql: 'select asset as label, hot::float8 as value from treasury_figures()',
    label: 'asset',
  },
  {
    name: 'holdfast_treasury_on_deposit_addresses',
    help: 'What lies on deposit addresses of such an asset, by the books',
    sql: 'select asset as label, on_addresses::float8 as value from treasury_figures()',
    label: 'asset',
  },
  {
    name: 'holdfast_treasury_above_high_water',
    help: '1 where the hot wallet has more than the high mark of its rule',
    sql: `select asset as label, (hot > high_water)::integer as value from treasury_figures()
      where high_water is not null`,
    label: 'asset',
  },
  {
    name: 'holdfast_treasury_below_low_water',
    help: '1 where the hot wallet has less than the low mark of its rule',
    sql: `select asset as label, (hot < low_water)::integer as value from treasury_figures()
      where low_water is not null`,
    label: 'asset',
  },
  {
    name: 'holdfast_open_collections',
    help: 'Collections and top-ups that have not ended, by state',
    sql: `select w.state as label, count(*)::float8 as value
      from withdrawals w join collections c on c.group_id = w.group_id
      where w.state not in ('settled', 'released', 'late_confirmed') group by w.state`,
    label: 'state',
  },
];

/** Exports them. A database that is away leaves them out of a scrape instead of failing it. */
export function observeTreasury(registry: Registry, db: Db): void {
  for (const { name, help, sql, label } of READINGS) {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [registry],
      async collect() {
        this.reset();
        const read = db.query<{ label: string; value: number }>(sql).catch(() => null);
        for (const row of (await read)?.rows ?? []) this.set({ [label]: row.label }, row.value);
      },
    });
  }
}

/** Answers a function that tells once when a hot wallet has come above its high mark. */
export function createHighWaterAlert(db: Db, log: Log): () => Promise<void> {
  let told: ReadonlySet<string> = new Set();
  return async () => {
    const { rows } = await db.query<{ asset: string; hot: Amount; high: Amount; cold: boolean }>(
      `select asset, amount_text(hot) as hot, amount_text(f.high_water) as high,
         r.cold_address is not null as cold
       from treasury_figures() f join treasury_rules r using (asset) where hot > f.high_water`,
    );
    for (const { asset, hot, high, cold } of rows) {
      if (told.has(asset)) continue;
      const next = cold ? 'a sweep takes the rest' : 'set the rule’s coldAddress, or move the rest';
      log.error(
        { asset, hot, high, alert: 'HOT_WALLET_HIGH' },
        `the hot wallet has more than its high mark: ${next}`,
      );
    }
    told = new Set(rows.map(({ asset }) => asset));
  };
}

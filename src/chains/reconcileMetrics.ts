/** What the last reconciliation found, read from the books when it is asked for. */
import { Gauge, type Registry } from 'prom-client';
import type { Db } from '../db/pool.ts';

interface Reading {
  name: string;
  help: string;
  label: string;
  /** Answers rows of `label` and `value`; floats are near enough for a chart. */
  sql: string;
}

/** Of each chain's last reconciliation. */
const LINES = `(
    select r.lines from chains c
    cross join lateral (select o.lines from reconciliations o
      where o.chain = c.id order by o.id desc limit 1) r
  ) r cross join lateral jsonb_to_recordset(r.lines)
    e(asset text, missing numeric, surplus numeric)`;

const READINGS: readonly Reading[] = [
  {
    name: 'holdfast_reconciliation_missing',
    help: 'What our addresses have too little by the last reconciliation',
    label: 'asset',
    sql: `select e.asset as label, e.missing::float8 as value from ${LINES}`,
  },
  {
    name: 'holdfast_reconciliation_surplus',
    help: 'What our addresses have too much by the last reconciliation',
    label: 'asset',
    sql: `select e.asset as label, e.surplus::float8 as value from ${LINES}`,
  },
  {
    name: 'holdfast_reconciliation_age_seconds',
    help: 'For how long no reconciliation of the chain has come to its end',
    label: 'chain',
    sql: `select c.id as label, extract(epoch from clock_timestamp() - coalesce((
        select r.created_at from reconciliations r where r.chain = c.id order by r.id desc limit 1
      ), c.created_at))::float8 as value
      from chains c`,
  },
  {
    name: 'holdfast_shortfall',
    help: 'What shortfall wallets are short of: owed by wallets, or lost by payments given back',
    label: 'asset',
    sql: `select a.code as label, (chain_shortfall(a.code) ->> 'total')::float8 as value
      from assets a where a.chain is not null`,
  },
  {
    name: 'holdfast_withdrawals_paused',
    help: '1 while no withdrawal of the asset is taken or signed',
    label: 'asset',
    sql: 'select a.code as label, a.withdrawals_paused::integer as value from assets a',
  },
];

/** Exports them. A database that is away leaves them out of a scrape instead of failing it. */
export function observeReconciliations(registry: Registry, db: Db): void {
  for (const { name, help, label, sql } of READINGS) {
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

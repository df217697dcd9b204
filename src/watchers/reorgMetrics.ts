/** What reorganisations cost and what they threaten, read from the books when it is asked for. */
import { Gauge, type Registry } from 'prom-client';
import type { Db } from '../db/pool.ts';

interface Reading {
  name: string;
  help: string;
  label: string;
  /** Answers rows of `label` and `value`; floats are near enough for a chart. */
  sql: string;
}

const READINGS: readonly Reading[] = [
  {
    name: 'holdfast_chain_credits_reversed',
    help: 'Deposits that were credited and taken back, since their block was dropped',
    label: 'asset',
    sql: `select a.code as label, count(i.id)::float8 as value
      from assets a left join chain_inclusions i on i.asset = a.code and i.reversed_at is not null
      where a.chain is not null group by a.code`,
  },
  {
    name: 'holdfast_chain_credits_unfounded',
    help: 'Credits that no block bears out now: they wait for the new branch or for their reversal',
    label: 'chain',
    sql: `select c.id as label, count(i.id)::float8 as value
      from chains c left join chain_inclusions i on i.chain = c.id
        and i.credited_at is not null and not i.canonical and chain_same_coins_again(i) is null
      group by c.id`,
  },
  {
    name: 'holdfast_wallet_shortfall',
    help: 'What wallets owe since credits were taken back that had been spent',
    label: 'asset',
    sql: `select a.code as label, coalesce(sum(s.remaining), 0)::float8 as value
      from assets a left join wallet_shortfalls s on s.asset = a.code
      where a.chain is not null group by a.code`,
  },
  {
    name: 'holdfast_chain_finality_wait_seconds',
    help: 'For how long blocks have come without any of them becoming final',
    label: 'chain',
    sql: 'select c.id as label, chain_finality_wait(c)::float8 as value from chains c',
  },
];

/** Exports them. A database that is away leaves them out of a scrape instead of failing it. */
export function observeReorgs(registry: Registry, db: Db): void {
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

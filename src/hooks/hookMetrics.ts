import { Counter, Gauge, type Registry } from 'prom-client';
import type { Db } from '../db/pool.ts';

/** Hooks by source: `taken`, `copy`, `contradiction`, `refused`, `unavailable`. */
export type HookCounter = Counter<'source' | 'result'>;

export function createHookCounter(registry: Registry): HookCounter {
  return new Counter({
    name: 'holdfast_chain_hooks_total',
    help: 'Hooks that came: taken, copy, contradiction, refused (forged or stale), unavailable',
    labelNames: ['source', 'result'],
    registers: [registry],
  });
}

/** Exports what waits. A database that is away leaves it out of a scrape instead of failing it. */
export function observeHooks(registry: Registry, db: Db): void {
  const registers = [registry];
  const oldest = new Gauge({
    name: 'holdfast_chain_hooks_oldest_seconds',
    help: 'How long the oldest hook waits whose transactions were not all found yet',
    labelNames: ['source'],
    registers,
  });
  new Gauge({
    name: 'holdfast_chain_hooks_waiting',
    help: 'Hooks whose transactions were not all found in a block yet',
    labelNames: ['source'],
    registers,
    async collect() {
      this.reset();
      oldest.reset();
      const read = db.query<{ source: string; waiting: number; seconds: number }>(
        `select source, count(*)::integer as waiting,
           extract(epoch from clock_timestamp() - min(opened_at))::float8 as seconds
         from chain_hooks where finished_at is null group by source`,
      );
      for (const { source, waiting, seconds } of (await read.catch(() => null))?.rows ?? []) {
        this.set({ source }, waiting);
        oldest.set({ source }, seconds);
      }
    },
  });
}

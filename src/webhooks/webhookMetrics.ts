import { Counter, Gauge, type Registry } from 'prom-client';
import type { Db } from '../db/pool.ts';
import { readEndpoints } from './deliveryTables.ts';

/** Tries by endpoint: `delivered` or `failed`. */
export type DeliveryCounter = Counter<'endpoint' | 'result'>;

export function createDeliveryCounter(registry: Registry): DeliveryCounter {
  return new Counter({
    name: 'holdfast_webhook_tries_total',
    help: 'Tries to tell an endpoint what happened: delivered, failed (it is tried again)',
    labelNames: ['endpoint', 'result'],
    registers: [registry],
  });
}

/** Exports what waits. A database that is away leaves it out of a scrape instead of failing it. */
export function observeWebhooks(registry: Registry, db: Db): void {
  const registers = [registry];
  const oldest = new Gauge({
    name: 'holdfast_webhook_oldest_seconds',
    help: 'How long ago that happened which an endpoint waits for longest',
    labelNames: ['endpoint'],
    registers,
  });
  new Gauge({
    name: 'holdfast_webhooks_waiting',
    help: 'Events that an endpoint has not taken yet',
    labelNames: ['endpoint'],
    registers,
    async collect() {
      this.reset();
      oldest.reset();
      for (const { name, waiting, oldestSeconds } of await readEndpoints(db).catch(() => [])) {
        this.set({ endpoint: name }, waiting);
        oldest.set({ endpoint: name }, oldestSeconds ?? 0);
      }
    },
  });
}

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** What a connection pool tells of itself; pg's Pool has these. */
interface PoolCounts {
  totalCount: number;
  idleCount: number;
  waitingCount: number;
}

/** From a ledger call alone (2 ms) to the longest wait that a caller may ask for (30 s). */
const DURATION_BUCKETS_SECONDS = [
  0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60,
];

/** The service's metrics, in a registry of their own so that tests run side by side. */
export interface Metrics {
  registry: Registry;
  /** Time from a request's first byte to its answer, by route pattern, never by path. */
  httpDuration: Histogram<'method' | 'route' | 'status'>;
  /** Answers of steps: `done`, `replayed`, `accepted` (202) or a problem code. */
  outcomes: Counter<'verb' | 'code'>;
  /** Exports the pool's connections; the newest pool of a name counts. */
  observePool(name: string, pool: PoolCounts): void;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const pools = new Map<string, PoolCounts>();
  new Gauge({
    name: 'holdfast_pool_connections',
    help: 'Postgres connections by pool and state (idle, busy, waiting for one)',
    labelNames: ['pool', 'state'],
    registers,
    collect() {
      for (const [name, pool] of pools) {
        this.set({ pool: name, state: 'idle' }, pool.idleCount);
        this.set({ pool: name, state: 'busy' }, pool.totalCount - pool.idleCount);
        this.set({ pool: name, state: 'waiting' }, pool.waitingCount);
      }
    },
  });
  return {
    registry,
    httpDuration: new Histogram({
      name: 'holdfast_http_request_duration_seconds',
      help: 'HTTP requests by method, route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: DURATION_BUCKETS_SECONDS,
      registers,
    }),
    outcomes: new Counter({
      name: 'holdfast_step_outcomes_total',
      help: 'Answers of steps asked for by HTTP: done, replayed, accepted, or a problem code',
      labelNames: ['verb', 'code'],
      registers,
    }),
    observePool(name, pool) {
      pools.set(name, pool);
    },
  };
}

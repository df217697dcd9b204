import { Counter, Gauge, type Registry } from 'prom-client';

/** What is worth an alert: lag that grows, reorganisations that get deep, a chain that stands. */
export interface WatcherMetrics {
  head: Gauge<'chain'>;
  cursor: Gauge<'chain'>;
  lag: Gauge<'chain'>;
  halted: Gauge<'chain'>;
  rewound: Counter<'chain'>;
  failures: Counter<'chain' | 'loop'>;
}

export function createWatcherMetrics(registry: Registry): WatcherMetrics {
  const gauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['chain'], registers: [registry] });
  return {
    head: gauge('holdfast_chain_head_height', 'Highest block that the node told'),
    cursor: gauge('holdfast_chain_cursor_height', 'Highest block that was read and stored'),
    lag: gauge('holdfast_chain_lag_blocks', 'Blocks between the node and the cursor'),
    halted: gauge('holdfast_chain_halted', '1 while the chain stands still until a person looked'),
    rewound: new Counter({
      name: 'holdfast_chain_rewound_blocks_total',
      help: 'Blocks that were dropped by reorganisations',
      labelNames: ['chain'],
      registers: [registry],
    }),
    failures: new Counter({
      name: 'holdfast_chain_failures_total',
      help: 'Turns of a loop (follow, deliver) that failed and were tried again',
      labelNames: ['chain', 'loop'],
      registers: [registry],
    }),
  };
}

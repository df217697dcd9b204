import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What is worth an alert: lag that grows, reorganisations that get deep, a chain that stands. */
export interface WatcherMetrics {
  head: Gauge<'chain'>;
  cursor: Gauge<'chain'>;
  lag: Gauge<'chain'>;
  behind: Gauge<'chain'>;
  headAge: Gauge<'chain'>;
  halted: Gauge<'chain'>;
  tasks: Gauge<'chain'>;
  oldestTask: Gauge<'chain'>;
  rescans: Gauge<'chain'>;
  rewound: Counter<'chain'>;
  depth: Histogram<'chain'>;
  failures: Counter<'chain' | 'loop'>;
}

/** Depths of reorganisations in blocks, up to the window beyond which the chain is halted. */
const DEPTHS = [1, 2, 3, 6, 12, 32, 64, 128, 256];

export function createWatcherMetrics(registry: Registry): WatcherMetrics {
  const registers = [registry];
  const labelNames = ['chain'] as const;
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames, registers });
  return {
    head: gauge('holdfast_chain_head_height', 'Highest block that the node told'),
    cursor: gauge('holdfast_chain_cursor_height', 'Highest block that was read and stored'),
    lag: gauge('holdfast_chain_lag_blocks', 'Blocks between the node and the cursor'),
    behind: gauge('holdfast_chain_behind_seconds', 'Seconds since all of the chain was last read'),
    headAge: gauge('holdfast_chain_head_age_seconds', "Seconds since the node's head last changed"),
    halted: gauge('holdfast_chain_halted', '1 while the chain stands still until a person looked'),
    tasks: gauge('holdfast_chain_tasks_waiting', 'Facts that sagas have not acted on yet'),
    oldestTask: gauge(
      'holdfast_chain_oldest_task_seconds',
      'How long the oldest fact waits that sagas have not acted on yet',
    ),
    rescans: gauge('holdfast_chain_rescans_open', 'Rescans that are not finished'),
    rewound: new Counter({
      name: 'holdfast_chain_rewound_blocks_total',
      help: 'Blocks that were dropped by reorganisations',
      labelNames,
      registers,
    }),
    depth: new Histogram({
      name: 'holdfast_chain_reorg_depth_blocks',
      help: 'How deep reorganisations went',
      labelNames,
      buckets: DEPTHS,
      registers,
    }),
    failures: new Counter({
      name: 'holdfast_chain_failures_total',
      help: 'Turns of a loop (follow, deliver, rescan) that failed and were tried again',
      labelNames: ['chain', 'loop'],
      registers,
    }),
  };
}

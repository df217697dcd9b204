/** The watcher: follows the chain and tells the sagas. Several may run; one has the lease. */
import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { ChainConnection } from '../chains/connection.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { giveLeaseBack, type Watch } from './chainTables.ts';
import { deliverTasks } from './deliver.ts';
import { createFollower, OtherGenesis, type Turn } from './follow.ts';
import { createRescanner } from './lookAgain.ts';
import { startLoop } from './loop.ts';
import { lookAtNewAddresses } from './newAddresses.ts';
import type { WatcherMetrics } from './watcherMetrics.ts';

export interface WatcherOptions {
  db: Db;
  chain: ChainConnection;
  client: Client;
  log: Log;
  metrics: WatcherMetrics;
  /** Names this process in the lease. */
  identity: string;
  /** First block to follow where none is stored; null: the head. */
  startBlock: bigint | null;
  /** Pause between two looks at the chain, in milliseconds. */
  pollMs: number;
}

export interface Watcher {
  /** Finishes the turns under way and gives the lease back. */
  stop(): Promise<void>;
}

/**
 * Starts to follow the chain. The first turn is awaited, so that a database of another chain is
 * refused here; a node that does not answer yet is tried again without end.
 *
 * @throws OtherGenesis when the database follows a chain with another genesis
 */
export async function startWatcher(options: WatcherOptions): Promise<Watcher> {
  const { db, log, pollMs } = options;
  const holder = `${options.identity}:${randomUUID()}`;
  let watch: Watch | null = null;
  let follow: (() => Promise<Turn>) | null = null;
  let lookAgain: (() => Promise<boolean>) | null = null;
  let toldHalt = '';
  const connected = async () => {
    if (watch && follow) return { watch, follow };
    const port = await options.chain();
    watch = { chain: port.chain, holder };
    const startHeight = options.startBlock === null ? null : Number(options.startBlock);
    follow = createFollower({ db, port, watch, startHeight, log });
    const again = { db, port, watch, log };
    const rescan = createRescanner(again);
    lookAgain = async () => {
      const isMore = await rescan();
      return (await lookAtNewAddresses(again)) > 0 || isMore;
    };
    return { watch, follow };
  };
  const turn = async () => {
    const now = await connected();
    const found = await now.follow();
    const reasons = found.turn === 'halted' ? found.reasons.join(' ') : '';
    if (reasons !== '' && reasons !== toldHalt) {
      log.error({ chain: now.watch.chain, alert: 'CHAIN_HALTED', reasons }, 'chain stands still');
    }
    toldHalt = reasons;
    return report(options, now.watch.chain, found);
  };
  const failed = (loop: string) => (error: unknown) => {
    options.metrics.failures.inc({ chain: watch?.chain ?? 'unknown', loop });
    log.warn({ chain: watch?.chain, loop, reason: (error as Error).message }, 'will try again');
  };

  await turn().catch((error: unknown) => {
    if (error instanceof OtherGenesis) throw error;
    failed('follow')(error);
  });
  const following = startLoop({ turn, pauseMs: pollMs, onFailure: failed('follow') });
  const delivering = startLoop({
    turn: async () => watch !== null && (await deliverTasks(options, watch.chain)) > 0,
    pauseMs: pollMs,
    onFailure: failed('deliver'),
  });
  const lookingAgain = startLoop({
    turn: async () => (await lookAgain?.()) ?? false,
    pauseMs: pollMs,
    onFailure: failed('rescan'),
  });
  return {
    async stop() {
      await Promise.all([following.stop(), delivering.stop(), lookingAgain.stop()]);
      // Where the database is away, the lease runs out by itself.
      if (watch) await giveLeaseBack(db, watch).catch(() => {});
    },
  };
}

/** Tells the metrics what a turn found. True where the next turn should follow at once. */
function report({ metrics }: WatcherOptions, chain: string, turn: Turn): boolean {
  const labels = { chain };
  metrics.halted.set(labels, turn.turn === 'halted' ? 1 : 0);
  if (turn.turn !== 'idle' && turn.turn !== 'behind') return false;
  metrics.head.set(labels, turn.head);
  if (turn.cursor !== null) {
    metrics.cursor.set(labels, turn.cursor);
    metrics.lag.set(labels, Math.max(turn.head - turn.cursor, 0));
  }
  if (turn.rewound > 0) metrics.rewound.inc(labels, turn.rewound);
  return turn.turn === 'behind';
}

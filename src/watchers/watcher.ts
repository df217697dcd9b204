/** The watcher: follows the chain and tells the sagas. Several may run; one has the lease. */
import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { ChainConnection } from '../chains/connection.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { giveLeaseBack, type Watch } from './chainTables.ts';
import { deliverTasks } from './deliver.ts';
import { createFollower, type FollowDeps, OtherGenesis, type Turn } from './follow.ts';
import { createHousekeeper } from './housekeeping.ts';
import { createRescanner } from './lookAgain.ts';
import { startLoop } from './loop.ts';
import { lookAtNewAddresses } from './newAddresses.ts';
import { createNonceSpender } from './openNonces.ts';
import { createResender } from './sendAgain.ts';
import type { WatcherMetrics } from './watcherMetrics.ts';

export interface WatcherOptions {
  db: Db;
  chain: ChainConnection;
  client: Client;
  log: Log;
  metrics: WatcherMetrics;
  /** Names this process in the lease. */
  identity: string;
  /** First block to follow where none is stored; null: the last final one. */
  startBlock: bigint | null;
  /** Pause between two looks at the chain, in milliseconds. */
  pollMs: number;
  /** Opens the collections that are due; left out: none. */
  collect?: () => Promise<void>;
  /** Opens the batches of withdrawals that are due; left out: none. */
  batch?: () => Promise<void>;
  /** Looks for custodians' payments that lost their block; left out: nobody does. */
  custody?: () => Promise<void>;
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
  const report = createReport(options);
  let toldHalt = '';
  let isLeading = false;
  const failed = (loop: string) => (error: unknown) => {
    options.metrics.failures.inc({ chain: watch?.chain ?? 'unknown', loop });
    log.warn({ chain: watch?.chain, loop, reason: (error as Error).message }, 'will try again');
  };
  const connected = async () => {
    if (watch && follow) return { watch, follow };
    const port = await options.chain();
    watch = { chain: port.chain, holder };
    const startHeight = options.startBlock === null ? null : Number(options.startBlock);
    const again = { db, port, watch, log };
    follow = createTurn({ ...again, startHeight }, failed('rescan'));
    const rescan = createRescanner(again);
    const keepHouse = createHousekeeper({ db, watch, metrics: options.metrics });
    const resend = createResender(again);
    const spend = createNonceSpender({ ...again, client: options.client });
    lookAgain = () => eachOf([rescan, resend, spend, keepHouse]);
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
    isLeading = found.turn !== 'standby' && found.turn !== 'halted';
    return report(now.watch.chain, found);
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
  const opening = startOpening(options, () => isLeading, failed);
  return {
    async stop() {
      const loops = [following, delivering, lookingAgain, ...opening];
      await Promise.all(loops.map((loop) => loop.stop()));
      // Where the database is away, the lease runs out by itself.
      if (watch) await giveLeaseBack(db, watch).catch(() => {});
    },
  };
}

/** Does all, whichever fails: none waits for what another cannot do. True: there is more. */
async function eachOf(parts: readonly (() => Promise<unknown>)[]): Promise<boolean> {
  let isMore = false;
  const failures: unknown[] = [];
  for (const part of parts) {
    try {
      if ((await part()) === true) isMore = true;
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return isMore;
}

/** Who stands by leaves it to the one that has the lease: two would only ask the node twice. */
function startOpening(
  options: WatcherOptions,
  isLeading: () => boolean,
  failed: (loop: string) => (error: unknown) => void,
) {
  return (['collect', 'batch', 'custody'] as const).map((loop) => {
    const turn = async () => {
      if (isLeading()) await options[loop]?.();
      return false;
    };
    return startLoop({ turn, pauseMs: options.pollMs, onFailure: failed(loop) });
  });
}

/**
 * A turn of the follower, then a look at new addresses. Not beside it: between two turns no block
 * is under way that was read without a new address. What was paid to it up to the cursor is
 * compared, and what comes later is read with it.
 */
function createTurn(deps: FollowDeps, failed: (error: unknown) => void): () => Promise<Turn> {
  const follow = createFollower(deps);
  return async () => {
    const found = await follow();
    await lookAtNewAddresses(deps).catch(failed);
    return found;
  };
}

/**
 * Answers a function that tells the metrics what a turn found. It answers true where the next turn
 * should follow at once.
 */
function createReport({ metrics }: WatcherOptions): (chain: string, turn: Turn) => boolean {
  let head = -1;
  let headAt = performance.now();
  let wholeAt = performance.now();
  return (chain, turn) => {
    const labels = { chain };
    metrics.halted.set(labels, turn.turn === 'halted' ? 1 : 0);
    if (turn.turn === 'standby') return false;
    const now = performance.now();
    const seconds = (since: number) => Math.round((now - since) / 1000);
    if (turn.turn === 'halted') {
      metrics.behind.set(labels, seconds(wholeAt));
      return false;
    }
    if (turn.head !== head) headAt = now;
    head = turn.head;
    const lag = turn.cursor === null ? 0 : Math.max(turn.head - turn.cursor, 0);
    if (lag === 0) wholeAt = now;
    metrics.head.set(labels, turn.head);
    metrics.headAge.set(labels, seconds(headAt));
    metrics.behind.set(labels, seconds(wholeAt));
    metrics.lag.set(labels, lag);
    if (turn.cursor !== null) metrics.cursor.set(labels, turn.cursor);
    if (turn.rewound > 0) {
      metrics.rewound.inc(labels, turn.rewound);
      metrics.depth.observe(labels, turn.rewound);
    }
    return turn.turn === 'behind';
  };
}

/** Reads blocks once more, as somebody or the watcher itself has asked; see migration 0030. */
import { readChainAssets } from '../chains/assets.ts';
import { BlockUnreadable, type ChainPort } from '../chains/port.ts';
import { ChainUnavailable } from '../contracts/chain.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import { storedHashes, type Watch } from './chainTables.ts';
import { readBlock, wholePart } from './readBlocks.ts';
import {
  type Fork,
  giveUpRescan,
  liftHalts,
  nextRescan,
  type OpenRescan,
  rescanBlocks,
} from './rescanTables.ts';

export interface LookAgainDeps {
  db: Db;
  port: ChainPort;
  watch: Watch;
  log: Log;
}

/** Blocks a turn: the follower's own reading goes on between two of them. */
const BLOCKS_PER_TURN = 32;
/** Turns in a row in which a block cannot be read before the rescan is given up. */
const MOST_UNREADABLE_TURNS = 10;
/**
 * The same where the node tells its newer blocks and not this one, whatever it says: it has thrown
 * old ones away, or is busy. With the loop's pauses ten minutes, so that it may recover.
 */
const MOST_FAILED_TURNS = 60;
/** Stored hashes that are compared with the node's at once. */
const HASHES_AT_ONCE = 64;

/** Answers a function that does one turn. True: there is more to do at once. */
export function createRescanner(deps: LookAgainDeps): () => Promise<boolean> {
  const { db, watch, log } = deps;
  const isHopeless = countFailures();
  return async () => {
    const rescan = await nextRescan(db, watch);
    if (rescan === null) return false;
    if (rescan.lifts) return lift(deps, rescan);
    if (rescan.cursorHeight === null) return false;
    // The node's chain has to be the stored one, or its lower blocks prove nothing.
    const atCursor = await deps.port.blockByHeight(rescan.cursorHeight);
    if (atCursor?.hash !== rescan.cursorHash) return false;
    try {
      return await readOn(deps, rescan);
    } catch (error) {
      if (!isHopeless(error, `${rescan.id} ${rescan.nextHeight}`)) throw error;
      const { message } = error as Error;
      if (!(await giveUpRescan(db, watch, rescan.id, message))) return false;
      log.error(
        { chain: watch.chain, alert: 'RESCAN_FAILED', rescan: rescan.id, message },
        message,
      );
      return true;
    }
  };
}

/** Answers a function that tells when a rescan has failed at one place for too long. */
function countFailures(): (error: unknown, place: string) => boolean {
  let last = '';
  let turns = 0;
  return (error, place) => {
    if (!(error instanceof ChainUnavailable)) return false;
    turns = place === last ? turns + 1 : 1;
    last = place;
    const most = error instanceof BlockUnreadable ? MOST_UNREADABLE_TURNS : MOST_FAILED_TURNS;
    if (turns < most) return false;
    // Where the lease was lost it is not given up, and may come back.
    turns = 0;
    return true;
  };
}

async function readOn({ db, port, watch }: LookAgainDeps, rescan: OpenRescan): Promise<boolean> {
  const assets = await readChainAssets(db, watch.chain);
  const last = Math.min(rescan.toHeight, rescan.nextHeight + BLOCKS_PER_TURN - 1);
  const heights = Array.from(
    { length: last - rescan.nextHeight + 1 },
    (_, at) => rescan.nextHeight + at,
  );
  const { blocks, failure } = await wholePart(
    heights.map((height) => readBlock(db, port, assets, height)),
  );
  const done = blocks.length === 0 ? 0 : await rescanBlocks(db, watch, rescan.id, blocks);
  if (failure) throw failure.reason;
  const missing = heights[blocks.length];
  if (missing !== undefined) throw new ChainUnavailable(`The node has no block ${missing}.`);
  return done === heights.length;
}

/** Lets a halted chain go on, on the node's branch as far as the rescan's first block allows. */
async function lift(deps: LookAgainDeps, rescan: OpenRescan): Promise<boolean> {
  const { db, watch, log } = deps;
  const fork = await findFork(deps, rescan);
  if (fork === 'deeper') {
    return giveUpRescan(
      db,
      watch,
      rescan.id,
      `The node's chain leaves the stored one below block ${rescan.fromHeight - 1}: look ` +
        'which of them is right, and name a lower block.',
    );
  }
  if (await liftHalts(db, watch, rescan.id, fork)) {
    const from = fork?.height ?? null;
    log.warn({ chain: watch.chain, rescan: rescan.id, fork: from }, 'halts were lifted');
  }
  return true;
}

/**
 * Highest stored block that the node's chain has too, or its block below the lowest stored one that
 * it has not, where those before are not stored any more; null where nothing has parted.
 *
 * @throws ChainUnavailable where the node does not tell
 */
async function findFork(
  { db, port, watch }: LookAgainDeps,
  { fromHeight, cursorHeight }: OpenRescan,
): Promise<Fork | null | 'deeper'> {
  if (cursorHeight === null) return null;
  const lowest = Math.max(fromHeight - 1, 0);
  // No stored block from this height up is in the node's chain.
  let parted = cursorHeight + 1;
  for (let stored = HASHES_AT_ONCE; stored === HASHES_AT_ONCE && parted > lowest; ) {
    const blocks = await storedHashes(db, watch.chain, parted - 1, HASHES_AT_ONCE);
    const told = await Promise.all(blocks.map(({ height }) => port.blockByHeight(height)));
    const common = blocks.findIndex(({ hash }, at) => told[at]?.hash === hash);
    parted = blocks[(common === -1 ? blocks.length : common) - 1]?.height ?? parted;
    const height = blocks[common]?.height;
    if (height === cursorHeight) return null;
    if (height === parted - 1) return height >= lowest ? { height, base: null } : 'deeper';
    // Between that block and those that were compared are some that nobody has any more.
    if (height !== undefined) break;
    stored = blocks.length;
  }
  if (parted <= lowest) return 'deeper';
  const base = await port.blockByHeight(parted - 1);
  if (base === null) throw new ChainUnavailable(`The node has no block ${parted - 1}.`);
  return { height: base.height, base };
}

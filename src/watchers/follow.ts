/**
 * Follows one chain: block after block, each stored with its events in one transaction, none left
 * out. Stateless between the turns: what was read lies in the database, so that any process goes on
 * where another one stopped.
 */
import { readChainAssets } from '../chains/assets.ts';
import { type BlockRef, BlockUnreadable, type ChainPort, type Finality } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import {
  haltChain,
  noteHead,
  type ReadBlock,
  renewLease,
  takeLease,
  type Watch,
  writeBlocks,
} from './chainTables.ts';
import { readBlock, wholePart } from './readBlocks.ts';
import { rewindToFork } from './rewind.ts';

export interface FollowDeps {
  db: Db;
  port: ChainPort;
  watch: Watch;
  /** First block where none is stored; null: the last final one. */
  startHeight: number | null;
  log: Log;
}

/** What a turn found. `idle` and `behind` tell the loop whether to pause. */
export type Turn =
  | { turn: 'idle' | 'behind'; head: number; cursor: number | null; rewound: number }
  | { turn: 'standby'; reason: string }
  | { turn: 'halted'; reasons: string[] };

/**
 * A watcher that died is replaced after it. One that is merely slow goes on while nobody has taken
 * its place, and writes nothing from then on.
 */
const LEASE_SECONDS = 5;
/**
 * While blocks are read, or a fork is looked for, it is renewed: tracing some of them can take a
 * node longer than that, and of two watchers each would else come too late to go back.
 */
const RENEW_EVERY_MS = 2_000;
/**
 * Most blocks that are asked for ahead: the node's answers overlap, the writes stay in order. Calls
 * travel in batches, and one that fails takes its batch along, so that a node which fails often or
 * limits its callers is asked for half as many after each failure, and for a few more after each
 * turn without one.
 */
const READ_AHEAD_BLOCKS = 64;
const MORE_AFTER_SUCCESS = 4;
/** Blocks that are written in one transaction while catching up. */
const WRITE_BLOCKS = 32;
/** Blocks a turn, so that the lease is renewed in time while catching up. */
const BLOCKS_PER_TURN = 256;
/**
 * Turns in a row with a head below the cursor before it is believed to have gone down: of several
 * nodes behind one address some lag, and a chain that regrows is told by its parent hashes at once.
 */
const TURNS_OF_PATIENCE = 4;
/** Confirmations that an asset has where nobody says how many; see `chain_confirmations`. */
const DEPTH_WITHOUT_FINALITY = 12;
/**
 * Turns in a row in which a node has a block and cannot tell it whole, before the chain is halted:
 * with the loop's growing pauses more than half a minute.
 */
const MOST_UNREADABLE_TURNS = 10;

/** Answers a function that does one turn: lease, head, rewind where needed, new blocks. */
export function createFollower(deps: FollowDeps): () => Promise<Turn> {
  const { db, port, watch, log } = deps;
  let turnsWithLowHead = 0;
  let genesisHash: string | null = null;
  const isUnreadable = countUnreadable();
  let readAhead = READ_AHEAD_BLOCKS;
  return async () => {
    genesisHash ??= await port.genesisHash();
    const lease = await takeLease(db, watch, genesisHash, LEASE_SECONDS);
    if (lease.outcome === 'taken') return { turn: 'standby', reason: `${lease.by} watches` };
    if (lease.outcome === 'other_genesis') {
      throw new OtherGenesis(watch.chain, lease.stored, genesisHash);
    }
    if (lease.halts.length > 0) return { turn: 'halted', reasons: lease.halts };
    const [head, finality] = await Promise.all([port.head(), port.finality()]);
    const { cursorHeight, cursorHash } = lease;
    if (cursorHeight !== null) {
      turnsWithLowHead = head.height < cursorHeight ? turnsWithLowHead + 1 : 0;
      if (await hasParted(port, head, cursorHeight, cursorHash, turnsWithLowHead)) {
        // Another node may answer at the old address since: that is no reorganisation.
        const told = await port.genesisHash();
        if (told !== genesisHash) throw new OtherGenesis(watch.chain, genesisHash, told);
        const dropped = await renewed(deps, () => rewindToFork(db, port, watch, cursorHeight));
        turnsWithLowHead = 0;
        log.warn({ chain: watch.chain, cursor: cursorHeight, dropped }, 'chain reorganised');
        return { turn: 'behind', head: head.height, cursor: cursorHeight, rewound: dropped ?? 0 };
      }
    }
    const first = cursorHeight === null ? firstHeight(deps, head, finality) : cursorHeight + 1;
    const last = Math.min(head.height, first + BLOCKS_PER_TURN - 1);
    let written: number | null;
    try {
      written = await renewed(deps, () => readOn(deps, first, last, readAhead));
      readAhead = Math.min(readAhead + MORE_AFTER_SUCCESS, READ_AHEAD_BLOCKS);
    } catch (error) {
      readAhead = Math.max(Math.floor(readAhead / 2), 1);
      if (!isUnreadable(error)) throw error;
      const isHalted = await haltChain(db, watch, error.message);
      if (!isHalted) return { turn: 'standby', reason: 'another one watches by now' };
      return { turn: 'halted', reasons: [error.message] };
    }
    await noteHead(db, watch, head, finality);
    const cursor = written ?? cursorHeight;
    const isBehind = written !== null && written < head.height;
    return { turn: isBehind ? 'behind' : 'idle', head: head.height, cursor, rewound: 0 };
  };
}

/** Does what may take longer than the lease lasts. */
async function renewed<Result>(
  { db, watch }: FollowDeps,
  work: () => Promise<Result>,
): Promise<Result> {
  const renewing = setInterval(() => {
    // Where the database is away, the turn itself says so.
    renewLease(db, watch, LEASE_SECONDS).catch(() => {});
  }, RENEW_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(renewing);
  }
}

/**
 * Where a new database begins. At the head alone it would have nothing to go back to when that very
 * block is dropped: so it begins with the last final one, or as deep as chains without finality
 * commonly turn back.
 */
function firstHeight({ startHeight }: FollowDeps, head: BlockRef, { finalized }: Finality): number {
  const below = finalized?.height ?? Math.max(head.height - DEPTH_WITHOUT_FINALITY, 0);
  return startHeight ?? Math.min(head.height, below);
}

/** Answers a function that tells when one and the same block was unreadable for too long. */
function countUnreadable(): (error: unknown) => error is BlockUnreadable {
  let hash = '';
  let turns = 0;
  return (error): error is BlockUnreadable => {
    if (!(error instanceof BlockUnreadable)) return false;
    turns = error.hash === hash ? turns + 1 : 1;
    hash = error.hash;
    if (turns < MOST_UNREADABLE_TURNS) return false;
    // Whoever lets the chain go on gives the node as many turns again.
    turns = 0;
    return true;
  };
}

/** The database follows another chain than the node. */
export class OtherGenesis extends Error {
  override readonly name = 'OtherGenesis';

  constructor(chain: string, stored: string, told: string) {
    super(
      `The node's ${chain} begins with block ${told}, but this database follows the one that ` +
        `begins with ${stored}: it is another chain. Point CHAIN_RPC_URL at the old one, or use ` +
        'another database (and data directory).',
    );
  }
}

/** Whether the stored chain's tip is no longer in the node's chain. */
async function hasParted(
  port: ChainPort,
  head: BlockRef,
  cursorHeight: number,
  cursorHash: string | null,
  turnsWithLowHead: number,
): Promise<boolean> {
  if (head.height < cursorHeight) return turnsWithLowHead >= TURNS_OF_PATIENCE;
  if (head.height === cursorHeight) return head.hash !== cursorHash;
  const atCursor = await port.blockByHeight(cursorHeight);
  return atCursor !== null && atCursor.hash !== cursorHash;
}

/**
 * Reads and stores blocks `first` to `last`. Stops where one is missing or does not follow the one
 * before: the next turn finds out why. What was read before a failure is stored.
 *
 * @returns the last height that was stored, or null
 * @throws ChainUnavailable where the node does not tell a block
 */
async function readOn(
  { db, port, watch }: FollowDeps,
  first: number,
  last: number,
  readAhead: number,
): Promise<number | null> {
  const assets = await readChainAssets(db, watch.chain);
  const ahead: Promise<ReadBlock | null>[] = [];
  let asked = first;
  let stored = first - 1;
  while (stored < last) {
    while (ahead.length < readAhead && asked <= last) {
      const reading = readBlock(db, port, assets, asked++);
      // Awaited in its turn; until then a failure must not count as unhandled.
      reading.catch(() => {});
      ahead.push(reading);
    }
    const part = ahead.splice(0, WRITE_BLOCKS);
    const { blocks, failure } = await wholePart(part);
    const written = blocks.length === 0 ? 0 : await writeBlocks(db, watch, blocks);
    stored += written;
    if (failure) throw failure.reason;
    if (written < part.length) break;
  }
  return stored < first ? null : stored;
}

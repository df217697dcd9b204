/** Finding the block where the node's chain and the stored one part. */
import type { ChainPort } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import { haltChain, rewindTo, storedHashes, type Watch } from './chainTables.ts';

/**
 * Deepest reorganisation that is followed by itself. Ethereum is final after 64 blocks or so; what
 * goes deeper is an attack, or a node on another network.
 */
const REORG_WINDOW_BLOCKS = 256;

/**
 * Rewinds the stored chain to the last block that the node's chain still has. Where the parting
 * lies deeper than the window or than the first stored block, the chain is halted.
 *
 * @returns how many blocks were dropped; null where the lease is lost or nothing was dropped
 */
export async function rewindToFork(
  db: Db,
  port: ChainPort,
  watch: Watch,
  cursorHeight: number,
): Promise<number | null> {
  const stored = await storedHashes(db, watch.chain, cursorHeight, REORG_WINDOW_BLOCKS);
  let lowest = cursorHeight + 1;
  for (const { height, hash } of stored) {
    // What was read again from before the first block that was followed is no part of it.
    if (height !== lowest - 1) break;
    const block = await port.blockByHeight(height);
    if (block?.hash === hash) return rewindTo(db, watch, height);
    lowest = height;
  }
  const compared = cursorHeight + 1 - lowest;
  const reason = `The node's chain has none of the ${compared} stored blocks down to ${lowest}.`;
  await haltChain(db, watch, reason);
  return null;
}

/** Blocks from the node with what they hold for us, many at once and in order. */
import type { ChainAssets } from '../chains/assets.ts';
import type { ChainPort } from '../chains/port.ts';
import { readEvents } from '../chains/readEvents.ts';
import type { Db } from '../db/pool.ts';
import type { ReadBlock } from './chainTables.ts';

/** The block at a height, whole; null where the node's chain ends before. */
export async function readBlock(
  db: Db,
  port: ChainPort,
  assets: ChainAssets,
  height: number,
): Promise<ReadBlock | null> {
  const block = await port.blockByHeight(height);
  return block && { block, events: await readEvents(db, port, assets, block) };
}

/** Waits for all, and answers the blocks up to the first that is missing or failed. */
export async function wholePart(
  reading: Promise<ReadBlock | null>[],
): Promise<{ blocks: ReadBlock[]; failure: PromiseRejectedResult | null }> {
  const blocks: ReadBlock[] = [];
  for (const result of await Promise.allSettled(reading)) {
    if (result.status === 'rejected') return { blocks, failure: result };
    if (result.value === null) break;
    blocks.push(result.value);
  }
  return { blocks, failure: null };
}

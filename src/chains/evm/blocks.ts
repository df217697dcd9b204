/** Blocks by height, by hash and by tag. */
import { ChainUnavailable } from '../../contracts/chain.ts';
import type { BlockRef, Finality } from '../port.ts';
import { countOf, quantityOf } from './quantity.ts';
import { NodeRefused, type Rpc } from './rpc.ts';

/** A header as eth_getBlockBy… answers it, with as much as is read here. */
export interface RawHeader {
  number: string;
  hash: string;
  parentHash: string;
  logsBloom: string;
  baseFeePerGas?: string;
}

/** Checks a header's shape. Throws `ChainUnavailable` where a field is missing. */
function refOf(header: RawHeader): BlockRef {
  if (!header.hash || !header.parentHash) {
    throw new ChainUnavailable('The node answered a block without hash or parent hash.');
  }
  return {
    height: countOf(header.number, 'block number'),
    hash: header.hash.toLowerCase(),
    parentHash: header.parentHash.toLowerCase(),
  };
}

/** The newest block. */
export async function readHead(rpc: Rpc): Promise<BlockRef> {
  const header = await rpc<RawHeader | null>('eth_getBlockByNumber', 'latest', false);
  if (header === null) throw new ChainUnavailable('The node has no latest block.');
  return refOf(header);
}

/** The block that the node's chain has at this height now, or null where it ends before. */
export async function readByHeight(rpc: Rpc, height: number): Promise<BlockRef | null> {
  const header = await rpc<RawHeader | null>('eth_getBlockByNumber', quantityOf(height), false);
  if (header === null) return null;
  const block = refOf(header);
  if (block.height === height) return block;
  throw new ChainUnavailable(`The node answered block ${block.height} for block ${height}.`);
}

/** The block of this hash, canonical or not, or null where the node does not have it. */
export async function readByHash(rpc: Rpc, hash: string): Promise<BlockRef | null> {
  const header = await rpc<RawHeader | null>('eth_getBlockByHash', hash, false);
  return header === null ? null : refOf(header);
}

/** The `safe` and `finalized` blocks; a node that does not know the tags answers null for them. */
export async function readFinality(rpc: Rpc): Promise<Finality> {
  const [safe, finalized] = await Promise.all([readTag(rpc, 'safe'), readTag(rpc, 'finalized')]);
  return { safe, finalized };
}

async function readTag(rpc: Rpc, tag: string): Promise<BlockRef | null> {
  try {
    const header = await rpc<RawHeader | null>('eth_getBlockByNumber', tag, false);
    return header === null ? null : refOf(header);
  } catch (error) {
    // geth before its first finalized block: "safe block not found"; others do not know the tag.
    if (error instanceof NodeRefused) return null;
    throw error;
  }
}

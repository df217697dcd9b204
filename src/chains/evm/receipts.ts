/** Receipts of a whole block, and proof that they are whole. */
import { ChainUnavailable } from '../../contracts/chain.ts';
import type { BlockRef } from '../port.ts';
import type { RawHeader } from './blocks.ts';
import { bigintOf } from './quantity.ts';
import { NodeRefused, type Rpc } from './rpc.ts';

export interface RawLog {
  address: string;
  topics: string[];
  data: string;
  transactionHash: string;
  logIndex: string;
  blockHash: string;
  removed?: boolean;
}

export interface RawReceipt {
  transactionHash: string;
  blockHash: string;
  status: string;
  gasUsed: string;
  effectiveGasPrice: string;
  /** Of rollups of the OP Stack and of Scroll: what publishing it on the chain below cost. */
  l1Fee?: string | null;
  logs: RawLog[];
}

export interface RawTransaction {
  hash: string;
  from: string;
  to: string | null;
  value: string;
}

export interface RawBlock extends RawHeader {
  gasUsed?: string;
  transactions: RawTransaction[];
}

/** JSON-RPC "method not found": older nodes have receipts one by one only. */
const METHOD_NOT_FOUND = -32601;

/**
 * All receipts of this very block, by transaction id. Throws `ChainUnavailable` when one is missing
 * or speaks of another block: a node under load answers half of a block, and half is not booked.
 */
export async function receiptsOf(rpc: Rpc, block: RawBlock): Promise<Map<string, RawReceipt>> {
  const receipts = await read(rpc, block);
  const byTxid = new Map<string, RawReceipt>();
  for (const receipt of receipts) {
    if (receipt === null || receipt.blockHash?.toLowerCase() !== block.hash.toLowerCase()) {
      throw new ChainUnavailable(`The node's receipts do not belong to block ${block.hash}.`);
    }
    byTxid.set(receipt.transactionHash.toLowerCase(), receipt);
  }
  for (const { hash } of block.transactions) {
    if (!byTxid.has(hash.toLowerCase())) {
      throw new ChainUnavailable(`The node has no receipt of ${hash} in block ${block.hash}.`);
    }
  }
  if (byTxid.size !== block.transactions.length) {
    throw new ChainUnavailable(
      `Block ${block.hash} has receipts of transactions it does not list.`,
    );
  }
  return byTxid;
}

async function read(rpc: Rpc, block: RawBlock): Promise<(RawReceipt | null)[]> {
  try {
    const all = await rpc<RawReceipt[] | null>('eth_getBlockReceipts', block.hash);
    return all ?? [];
  } catch (error) {
    if (!(error instanceof NodeRefused) || error.code !== METHOD_NOT_FOUND) throw error;
  }
  const single = (tx: RawTransaction) =>
    rpc<RawReceipt | null>('eth_getTransactionReceipt', tx.hash);
  return Promise.all(block.transactions.map(single));
}

/** Whether the transaction took effect. Receipts before Byzantium have no status: not believed. */
export function hasSucceeded(receipt: RawReceipt): boolean {
  return bigintOf(receipt.status, 'receipt status') === 1n;
}

/**
 * What the sender paid, in wei. A rollup that charges for publishing on the chain below, beside the
 * gas, tells it as `l1Fee` (https://docs.optimism.io, "Transaction fees"); one that has that in its
 * gas, as Arbitrum, does not.
 */
export function feeOf({ gasUsed, effectiveGasPrice, l1Fee }: RawReceipt): bigint {
  const gas = bigintOf(gasUsed, 'gas used') * bigintOf(effectiveGasPrice, 'effective gas price');
  return gas + (l1Fee == null ? 0n : bigintOf(l1Fee, 'fee of the chain below'));
}

/**
 * Compares the logs that were asked for by block hash with those in the receipts. They come from
 * two indexes of the node, and the one of logs is known to lag behind and to answer with fewer.
 */
export function checkLogs(
  block: BlockRef,
  byHash: readonly RawLog[],
  inReceipts: readonly RawLog[],
): void {
  const key = (log: RawLog) =>
    [log.transactionHash, log.address, ...log.topics, log.data].join().toLowerCase();
  const asked = byHash.map(key).sort();
  const receipts = inReceipts.map(key).sort();
  const same = asked.length === receipts.length && asked.every((each, at) => each === receipts[at]);
  if (!same || byHash.some((log) => log.removed)) {
    throw new ChainUnavailable(
      `Block ${block.hash}: the node has ${asked.length} logs by hash, but ${receipts.length} in ` +
        'its receipts.',
    );
  }
}

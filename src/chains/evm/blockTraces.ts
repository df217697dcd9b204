/** `trace_block`, as erigon, nethermind, besu, reth and anvil have it (OpenEthereum's format). */
import type { Frame } from './frames.ts';
import { bigintOf } from './quantity.ts';
import type { RawBlock } from './receipts.ts';
import type { Rpc } from './rpc.ts';
import { TraceFailed } from './traceFailed.ts';

interface FlatTrace {
  type: string;
  action: {
    callType?: string;
    from?: string;
    to?: string;
    value?: string;
    /** Of a `suicide`. */
    address?: string;
    refundAddress?: string;
    balance?: string;
  };
  error?: string;
  traceAddress: number[];
  blockHash: string;
  transactionHash?: string | null;
}

/** The top frame of each transaction of the block, in its order. */
export async function blockFrames(rpc: Rpc, block: RawBlock): Promise<Frame[]> {
  const traces = await rpc<FlatTrace[] | null>('trace_block', block.number);
  const tops = new Map<string, Frame>();
  // Of each transaction the traces come parents first.
  for (const trace of traces ?? []) {
    if (trace.blockHash?.toLowerCase() !== block.hash.toLowerCase()) {
      // It is asked for by height, which may be another block's by now.
      throw new TraceFailed(block, `the traces are of block ${trace.blockHash}`);
    }
    // Rewards of miners belong to no transaction.
    if (trace.transactionHash) put(tops, trace.transactionHash.toLowerCase(), trace, block);
  }
  return block.transactions.map(({ hash }) => {
    const top = tops.get(hash.toLowerCase());
    if (!top) throw new TraceFailed(block, `no trace of ${hash}`);
    return top;
  });
}

function put(tops: Map<string, Frame>, txid: string, trace: FlatTrace, block: RawBlock): void {
  const frame = frameOf(trace);
  if (trace.traceAddress.length === 0) {
    tops.set(txid, frame);
    return;
  }
  let parent = tops.get(txid);
  for (const place of trace.traceAddress.slice(0, -1)) parent = parent?.calls[place];
  if (!parent || parent.calls.length !== trace.traceAddress.at(-1)) {
    throw new TraceFailed(block, `the traces of ${txid} have gaps`);
  }
  parent.calls.push(frame);
}

function frameOf({ type, action, error }: FlatTrace): Frame {
  const { callType, from, to, value, address, refundAddress, balance } = action;
  const isEnd = type === 'suicide';
  const told = isEnd ? balance : value;
  return {
    from: ((isEnd ? address : from) ?? '').toLowerCase(),
    to: ((isEnd ? refundAddress : to) ?? '').toLowerCase(),
    units: told === undefined ? 0n : bigintOf(told, 'traced value'),
    // A delegatecall repeats its caller's value, and a callcode keeps it.
    pays: isEnd || (type === 'call' && callType === 'call'),
    failed: error !== undefined && error !== null,
    calls: [],
  };
}

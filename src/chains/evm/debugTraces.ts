/** `debug_traceBlockByHash` with the callTracer, as geth, reth, nethermind, besu and anvil have. */
import type { Frame } from './frames.ts';
import { bigintOf } from './quantity.ts';
import type { RawBlock } from './receipts.ts';
import type { Rpc } from './rpc.ts';
import { TraceFailed } from './traceFailed.ts';

/** A frame as geth's callTracer tells it (eth/tracers/native/call.go). */
interface CallFrame {
  type: string;
  from?: string;
  to?: string;
  value?: string;
  error?: string;
  calls?: CallFrame[];
}

interface TracedTransaction {
  txHash?: string;
  result?: CallFrame;
  error?: string;
}

/** Types whose value moves. A DELEGATECALL repeats its caller's value, CALLCODE keeps it. */
const PAYING = new Set(['CALL', 'SELFDESTRUCT']);

/** The top frame of each transaction of the block, in its order. */
export async function debugFrames(rpc: Rpc, block: RawBlock): Promise<Frame[]> {
  const traced = await rpc<TracedTransaction[] | null>('debug_traceBlockByHash', block.hash, {
    tracer: 'callTracer',
  });
  return block.transactions.map(({ hash }, at) => {
    const { txHash, result, error } = traced?.[at] ?? {};
    // Older nodes do not name the transaction: then the place says which one it is.
    const isOther = txHash !== undefined && txHash.toLowerCase() !== hash.toLowerCase();
    if (!result || error || isOther) throw new TraceFailed(block, error ?? `no trace of ${hash}`);
    return frameOf(result);
  });
}

function frameOf({ type, from = '', to = '', value, error, calls = [] }: CallFrame): Frame {
  return {
    from: from.toLowerCase(),
    to: to.toLowerCase(),
    units: value === undefined ? 0n : bigintOf(value, 'traced value'),
    pays: PAYING.has(type),
    failed: error !== undefined,
    calls: calls.map(frameOf),
  };
}

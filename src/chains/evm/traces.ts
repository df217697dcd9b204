/**
 * How inner calls are looked into, by what the node offers. Native coins that a contract pays out
 * leave no log: only a trace shows them.
 */
import { ChainUnavailable } from '../../contracts/chain.ts';
import type { RawHeader } from './blocks.ts';
import { blockFrames } from './blockTraces.ts';
import { debugFrames } from './debugTraces.ts';
import { type InnerPayment, innerPayments } from './frames.ts';
import { hasSucceeded, type RawBlock, type RawReceipt } from './receipts.ts';
import { NodeRefused, type Rpc } from './rpc.ts';
import { TraceFailed } from './traceFailed.ts';

/** `debug`: debug_traceBlockByHash. `trace`: trace_block. `none`: inner calls are not seen. */
export const TRACE_MODES = ['debug', 'trace', 'none'] as const;
export type TraceMode = (typeof TRACE_MODES)[number];

const METHOD_NOT_FOUND = -32601;
/** How nodes and providers say that they do not offer a method, where the code does not. */
const NOT_OFFERED =
  /not (found|supported|available|allowed|enabled|exist)|unsupported|unknown|upgrade|disabled/;
/** geth says so of block 0: it offers tracing, and that block has no transactions. */
const GENESIS = /genesis is not traceable/;

/**
 * Finds out what the node offers, on its newest block.
 *
 * @throws `ChainUnavailable` where it offers traces and gives none: to go on without them would
 *   lose deposits, so somebody has to say so
 */
export async function probeTraces(rpc: Rpc): Promise<TraceMode> {
  const head = await rpc<RawHeader | null>('eth_getBlockByNumber', 'latest', false);
  if (head === null) throw new ChainUnavailable('The node has no latest block.');
  const options = { tracer: 'callTracer' };
  if (await offers(() => rpc('debug_traceBlockByHash', head.hash, options))) return 'debug';
  if (await offers(() => rpc('trace_block', head.number))) return 'trace';
  return 'none';
}

async function offers(call: () => Promise<unknown>): Promise<boolean> {
  try {
    return Array.isArray(await call());
  } catch (error) {
    if (!(error instanceof NodeRefused)) throw error;
    if (GENESIS.test(error.words)) return true;
    if (error.code === METHOD_NOT_FOUND || NOT_OFFERED.test(error.words)) return false;
    throw new ChainUnavailable(
      `The node offers traces and gives none: ${error.words}. Mend it, or set CHAIN_TRACES=none ` +
        'to go on without the coins that contracts pay out.',
    );
  }
}

/** A transaction that runs no code uses exactly so much gas (yellow paper, G_transaction). */
const PLAIN_GAS = 21_000n;

/**
 * Whether any code ran in the block; where none did, nothing was paid by an inner call, and nothing
 * was logged.
 */
export function ranCode({ gasUsed, transactions }: RawBlock): boolean {
  if (transactions.length === 0) return false;
  return gasUsed === undefined || BigInt(gasUsed) !== PLAIN_GAS * BigInt(transactions.length);
}

/** Inner payments of each transaction of a block; empty where tracing is off or nothing ran. */
export type BlockTraces = ReadonlyMap<string, { failed: boolean; payments: InnerPayment[] }>;

/**
 * Traces a block by its transactions' ids.
 *
 * @throws `TraceFailed` where the node has the block and does not trace all of it; never an empty
 *   answer instead
 */
export async function traceBlock(rpc: Rpc, mode: TraceMode, block: RawBlock): Promise<BlockTraces> {
  if (mode === 'none' || !ranCode(block)) return new Map();
  const frames = await (mode === 'debug' ? debugFrames : blockFrames)(rpc, block).catch(
    (error: unknown) => {
      throw error instanceof NodeRefused ? new TraceFailed(block, error.words) : error;
    },
  );
  return new Map(
    frames.map((frame, at) => [
      block.transactions[at]?.hash.toLowerCase() ?? '',
      { failed: frame.failed, payments: innerPayments(frame) },
    ]),
  );
}

/** Compares with the receipt: both say whether the transaction failed, and have to say the same. */
export function checkTrace(
  block: RawBlock,
  traces: BlockTraces,
  txid: string,
  receipt: RawReceipt,
): void {
  const trace = traces.get(txid);
  if (trace && trace.failed === hasSucceeded(receipt)) {
    throw new TraceFailed(block, `trace and receipt of ${txid} disagree on whether it failed`);
  }
}

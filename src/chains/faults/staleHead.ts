/** A node whose head stands still, seen from outside. */
import type { Call, Next, Reply } from './call.ts';

const FROM_HEAD = new Set(['latest', 'pending']);
/** Methods whose last parameter is a block, by tag or height. */
const AT_BLOCK = new Set(['eth_getBalance', 'eth_getTransactionCount', 'eth_call', 'eth_getCode']);

/** Height of the head as the node tells it now, less `behind`. Throws where it does not answer. */
export async function heightBehind(next: Next, behind: number): Promise<number> {
  const reply = await next({ id: 0, method: 'eth_blockNumber', params: [] });
  if (!('result' in reply)) throw new Error('The node does not tell its head.');
  return Math.max(Number(reply.result) - behind, 0);
}

/** The answer of a node that knows nothing above `height`. */
export async function answerAsOf(height: number, call: Call, next: Next): Promise<Reply> {
  const head = `0x${height.toString(16)}`;
  if (call.method === 'eth_blockNumber') return { result: head };
  const reply = await next({ ...call, params: atHead(call, head) });
  return 'result' in reply ? { result: below(height, reply.result) } : reply;
}

function atHead({ method, params }: Call, head: string): readonly unknown[] {
  const isTag = (param: unknown) => typeof param === 'string' && FROM_HEAD.has(param);
  if (method === 'eth_getBlockByNumber') return params.map((each) => (isTag(each) ? head : each));
  if (!AT_BLOCK.has(method) || !isTag(params.at(-1))) return params;
  return [...params.slice(0, -1), head];
}

/** Null in place of blocks and receipts above the head; lists lose what lies above it. */
function below(height: number, result: unknown): unknown {
  if (!Array.isArray(result)) return liesAbove(height, result) ? null : result;
  const kept = result.filter((each) => !liesAbove(height, each));
  return kept.length === 0 && result.length > 0 ? null : kept;
}

function liesAbove(height: number, thing: unknown): boolean {
  if (typeof thing !== 'object' || thing === null) return false;
  const { number, blockNumber } = thing as { number?: unknown; blockNumber?: unknown };
  const told = number ?? blockNumber;
  return typeof told === 'string' && Number(told) > height;
}

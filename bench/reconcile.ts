/**
 * `npm run bench reconcile`: coins lie on many deposit addresses, and the books are compared with
 * the chain. The floor is what the books alone take; beside it the same balances are asked for one
 * by one, as where a node does not run the code that reads many.
 *
 *   --count N   addresses with coins (default 2000)
 *   --rounds N  (default 5)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connectEvm } from '../src/chains/evm/adapter.ts';
import { startProxy } from '../src/chains/faults/proxy.ts';
import type { ChainPort } from '../src/chains/port.ts';
import { reconcileChain } from '../src/chains/reconcile.ts';
import { readChainBooks } from '../src/chains/reconcileBooks.ts';
import { BLOCK_SECONDS, type ChainStack, onChain, untilSettled } from './chainStack.ts';
import { customers, DEPOSIT, payEach } from './depositors.ts';
import { againstFirst, type Row, type Tell } from './report.ts';

/** Asked for at a time, one by one: some batches of the transport on their way. */
const AT_ONCE = 200;
const LOOK_MS = 200;

interface Counts {
  count: number;
  rounds: number;
}

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: 'string', default: '2000' },
      rounds: { type: 'string', default: '5' },
    },
  });
  const counts = { count: Number(values.count), rounds: Number(values.rounds) };
  await onChain((stack) => measure(stack, counts, tell));
}

async function measure(stack: ChainStack, { count, rounds }: Counts, tell: Tell): Promise<void> {
  const { db, rpcUrl } = stack;
  const addresses = await customers(stack, 'ETH', count);
  const service = await stack.start('service', ['worker', 'watcher']);
  const begun = Date.now();
  await Promise.all([
    payEach(stack, addresses, DEPOSIT),
    untilSettled(stack, 'deposit', begun, count),
  ]);
  const port = await connectEvm(rpcUrl);
  await untilFinal(port);
  await service.stop();
  const [byOne, calls] = [oneByOne(port), await callsOf(stack)];
  const row = (name: string, more?: Row['more']): Row => ({
    name,
    unit: 'ms',
    rounds: [],
    ...(more && { more }),
  });
  const books = row('the books alone');
  const single = row('one by one, 50 calls in a batch', { calls: calls.single });
  const together = row('500 by one call', { calls: calls.together });
  for (let round = 1; round <= rounds; round += 1) {
    books.rounds.push(await timeOf(() => readChainBooks(db, port.chain)));
    single.rounds.push(await timeOf(() => compare(stack, byOne)));
    together.rounds.push(await timeOf(() => compare(stack, port)));
  }
  const title = `a reconciliation of ETH and USDX with ${count} deposit addresses, all with ETH`;
  tell({ title, rows: againstFirst([books, single, together]) });
}

/** Compares; throws where books and chain do not agree. */
async function compare({ db }: ChainStack, port: ChainPort): Promise<void> {
  for (const { asset, missing, surplus } of await reconcileChain(db, port)) {
    if (missing !== '0' || surplus !== '0') throw new Error(`${asset}: ${missing}, ${surplus}`);
  }
}

/** The port of a node that does not run the code. */
function oneByOne(port: ChainPort): ChainPort {
  return {
    ...port,
    async balancesOf(addresses, contract, at) {
      const all: bigint[] = [];
      for (let from = 0; from < addresses.length; from += AT_ONCE) {
        const some = addresses.slice(from, from + AT_ONCE);
        const asked = some.map((address) => port.balanceOf(address, contract, at));
        all.push(...(await Promise.all(asked)));
      }
      return all;
    },
  };
}

/** Calls of the node, counted on the way; not while anything is timed. */
async function callsOf(stack: ChainStack): Promise<{ single: number; together: number }> {
  const proxy = await startProxy({ upstreams: [stack.rpcUrl] });
  try {
    const port = await connectEvm(proxy.url);
    const counted = async (by: ChainPort) => {
      const before = proxy.calls();
      await compare(stack, by);
      return proxy.calls() - before;
    };
    return { single: await counted(oneByOne(port)), together: await counted(port) };
  } finally {
    await proxy.stop();
  }
}

/** What was paid is final; the watcher has seen it a block later at the latest. */
async function untilFinal(port: ChainPort): Promise<void> {
  const { height } = await port.head();
  const isFinal = async () => ((await port.finality()).finalized?.height ?? 0) > height;
  while (!(await isFinal())) await sleep(LOOK_MS);
  await sleep(2 * BLOCK_SECONDS * 1000);
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

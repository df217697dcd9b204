/** Balances of many addresses: together where the node runs the code for that, else one by one. */
import { balancesCode, MOST_TOGETHER, readBalances } from './balancesTogether.ts';
import { NodeRefused, type Rpc } from './rpc.ts';
import { balanceOf, stateAfter } from './transactions.ts';

/** Implements `ChainPort.balancesOf`. */
export async function balancesOf(
  rpc: Rpc,
  addresses: readonly string[],
  contract: string | null,
  block: number | { hash: string },
): Promise<bigint[]> {
  const all: bigint[] = [];
  for (let at = 0; at < addresses.length; at += MOST_TOGETHER) {
    const some = addresses.slice(at, at + MOST_TOGETHER);
    const data = balancesCode(some, contract);
    const answer = await rpc<string>('eth_call', { data }, stateAfter(block)).catch(
      (error: unknown) => {
        if (error instanceof NodeRefused) return '';
        throw error;
      },
    );
    const read = readBalances(answer, some.length) ?? (await oneByOne(rpc, some, contract, block));
    for (const units of read) all.push(units);
  }
  return all;
}

/**
 * A chain may not know such code, and a token may refuse to answer, which one call about it tells
 * as well as hundreds: the first is asked alone.
 */
async function oneByOne(
  rpc: Rpc,
  [first, ...others]: readonly string[],
  contract: string | null,
  block: number | { hash: string },
): Promise<bigint[]> {
  if (first === undefined) return [];
  const ask = (address: string) => balanceOf(rpc, address, contract, block);
  return [await ask(first), ...(await Promise.all(others.map(ask)))];
}

/**
 * Balances of many addresses by one `eth_call`: the constructor of a contract that is never made
 * reads them one after the other, and what it answers in place of code are the balances. So nothing
 * has to be deployed, and any node answers that can run a call.
 */
import { readFileSync } from 'node:fs';
import { type Abi, type Address, decodeAbiParameters, encodeDeployData, type Hex } from 'viem';

/**
 * Addresses of one call. Nodes let a contract's code, which the answer stands for, have 24 KB, or
 * 767 words. These cost some 7 million gas of a token with a proxy; nodes give calls 25 and more.
 */
export const MOST_TOGETHER = 500;

/** Compiled from `contracts/Balances.sol`. */
const { abi, bytecode } = JSON.parse(
  readFileSync(new URL('./contracts/Balances.json', import.meta.url), 'utf8'),
) as { abi: Abi; bytecode: Hex };
const NATIVE = `0x${'0'.repeat(40)}`;

/** The data of a call without a target that answers the balances of so many addresses. */
export function balancesCode(addresses: readonly string[], contract: string | null): Hex {
  const args = [(contract ?? NATIVE) as Address, addresses as readonly Address[]];
  return encodeDeployData({ abi, bytecode, args });
}

/** The balances; null: the answer is not of that code, so the node ran something else. */
export function readBalances(answer: string, count: number): readonly bigint[] | null {
  try {
    const [units] = decodeAbiParameters([{ type: 'uint256[]' }], answer as Hex);
    return units.length === count ? units : null;
  } catch {
    return null;
  }
}

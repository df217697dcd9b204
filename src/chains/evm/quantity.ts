/** Hex quantities of JSON-RPC. Missing or malformed ones are a node that cannot be believed. */
import { ChainUnavailable } from '../../contracts/chain.ts';

const QUANTITY = /^0x[0-9a-f]+$/i;

/** `0x10` as 16n. Throws `ChainUnavailable` for anything else than a hex quantity. */
export function bigintOf(value: unknown, what: string): bigint {
  if (typeof value === 'string' && QUANTITY.test(value)) return BigInt(value);
  throw new ChainUnavailable(`The node answered without a valid ${what}.`);
}

/** A height, index or nonce as a JS number; these stay far below 2^53, amounts would not. */
export function countOf(value: unknown, what: string): number {
  const count = Number(bigintOf(value, what));
  if (Number.isSafeInteger(count)) return count;
  throw new ChainUnavailable(`The node's ${what} is out of range.`);
}

/** A height, index or nonce as a hex quantity. */
export function quantityOf(count: number | bigint): string {
  return `0x${count.toString(16)}`;
}

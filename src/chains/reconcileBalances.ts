/** Balances of many addresses at one block. */
import type { ChainAsset } from './assets.ts';
import { BalanceUnreadable, type ChainPort } from './port.ts';
import type { ChainBooks } from './reconcileBooks.ts';

/** Balances between two signs of life: one call where the node reads many together. */
const PART = 500;

/** What addresses have in base units, or why the asset's contract does not tell, in a sentence. */
export type Balances = ReadonlyMap<string, bigint> | string;

/**
 * What each own address has of each asset after the books' block, by asset and address, in base
 * units. Asked by the block's hash. Addresses that have nothing are left out.
 *
 * @throws ChainUnavailable where the node does not answer, or the block is gone
 */
export async function balancesAt(
  port: ChainPort,
  books: ChainBooks,
  assets: readonly ChainAsset[],
  onProgress: () => void,
): Promise<Map<string, Balances>> {
  const balances = new Map<string, Balances>();
  for (const asset of assets) {
    const read = await balancesOf(port, books, asset, onProgress).catch((error: unknown) => {
      // One token that tells nothing must not hide what the others have.
      if (error instanceof BalanceUnreadable) return error.message;
      throw error;
    });
    balances.set(asset.code, read);
  }
  return balances;
}

async function balancesOf(
  port: ChainPort,
  { block, hot, deposit }: ChainBooks,
  { contract }: ChainAsset,
  onProgress: () => void,
): Promise<ReadonlyMap<string, bigint>> {
  const addresses = [...hot, ...deposit];
  const some = new Map<string, bigint>();
  for (let at = 0; at < addresses.length; at += PART) {
    const part = addresses.slice(at, at + PART);
    const units = await port.balancesOf(part, contract, block);
    for (const [place, address] of part.entries()) {
      const has = units[place] ?? 0n;
      if (has !== 0n) some.set(address, has);
    }
    onProgress();
  }
  return some;
}

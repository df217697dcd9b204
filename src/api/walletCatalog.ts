import type { WalletKind } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { readAsset } from '../ledger/assets.ts';
import { readWallet } from '../ledger/wallets.ts';

/** What never changes about an asset. */
export interface AssetFacts {
  asset: string;
  scale: number;
  /** CAIP-2, or null: chainless. */
  chain: string | null;
  /** Token contract; null for a native coin and for a chainless asset. */
  contract: string | null;
}

/** What never changes about a wallet. */
export interface WalletFacts extends AssetFacts {
  kind: WalletKind;
}

/**
 * The immutable facts of wallets and assets, so that a request's amounts are checked before
 * anything starts without a query in the usual case.
 */
export interface WalletCatalog {
  /** Null: no such wallet (yet; only what exists is remembered). */
  wallet(id: string): Promise<WalletFacts | null>;
  asset(code: string): Promise<AssetFacts | null>;
}

/** Some 100 bytes each; the oldest goes first. */
const MAX_ENTRIES = 50_000;

/** Remembers what `load` finds, up to a bound. */
function remember<T>(maxEntries: number, load: (key: string) => Promise<T | null>) {
  const known = new Map<string, T>();
  return async (key: string): Promise<T | null> => {
    const hit = known.get(key);
    if (hit !== undefined) return hit;
    const found = await load(key);
    if (found === null) return null;
    const oldest = known.size >= maxEntries ? known.keys().next().value : undefined;
    if (oldest !== undefined) known.delete(oldest);
    known.set(key, found);
    return found;
  };
}

export function createWalletCatalog(db: Db, maxEntries = MAX_ENTRIES): WalletCatalog {
  const asset = remember<AssetFacts>(maxEntries, async (code) => {
    const found = await readAsset(db, code);
    if (found === null) return null;
    const { scale, chain, contract } = found;
    return { asset: code, scale, chain, contract };
  });
  const wallet = remember<WalletFacts>(maxEntries, async (id) => {
    const found = await readWallet(db, id);
    const facts = found === null ? null : await asset(found.asset);
    return found === null || facts === null ? null : { ...facts, kind: found.kind };
  });
  return { wallet, asset };
}

/**
 * Which asset a wallet holds, as outcomes told it. A wallet's asset never changes, so what was told
 * once lets later sagas of that wallet start with all their search attributes, without a query.
 */
import type { StepOutcome } from '../contracts/steps.ts';

export interface WalletAssets {
  learn(outcome: StepOutcome): void;
  /** Assets of the wallets; empty where one of them is not known here. */
  of(wallets: string[]): string[];
}

/** Some 100 bytes each; the ones that were learnt first go first. */
const MOST_REMEMBERED = 50_000;

export function createWalletAssets(): WalletAssets {
  const known = new Map<string, string>();
  return {
    learn(outcome) {
      const legs = 'group' in outcome ? (outcome.group?.legs ?? []) : [];
      for (const { wallet, asset } of legs) known.set(wallet, asset);
      for (const wallet of known.keys()) {
        if (known.size <= MOST_REMEMBERED) break;
        known.delete(wallet);
      }
    },
    of(wallets) {
      const assets = wallets.map((wallet) => known.get(wallet));
      return assets.every((asset) => asset !== undefined) ? [...new Set(assets)] : [];
    },
  };
}

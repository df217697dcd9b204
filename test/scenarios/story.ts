/** Words that scenarios are told in. */
import { expect, test } from 'vitest';
import type { Amount, Group } from '../../src/contracts/resources.ts';
import type { LegInput } from '../../src/contracts/steps.ts';
import type { NewAsset } from '../../src/ledger/assets.ts';
import { audit } from '../../src/ledger/audit.ts';
import { reconcile } from '../../src/ledger/reconcile.ts';
import type { Driver, Result } from './driver.ts';

/** Scenarios by their names; each uses an asset of its own, so the books of one stay its own. */
export type Scenarios = Record<string, (on: Driver) => Promise<void>>;

/** Makes a test of each scenario, and looks through the whole books after all of them. */
export function tell(scenarios: Scenarios, on: Driver): void {
  for (const [name, happens] of Object.entries(scenarios)) test(name, () => happens(on));
  test('after all of them the books are whole', async () => {
    expect(await audit(on.db.pool)).toMatchObject({ ok: true, faults: [] });
    expect(await reconcile(on.db.pool)).toMatchObject({
      balanced: true,
      groups: { unbalanced: 0 },
    });
  });
}

export const debit = (wallet: string, amount: Amount): LegInput => ({
  wallet,
  type: 'DEBIT',
  amount,
});
export const credit = (wallet: string, amount: Amount): LegInput => ({
  wallet,
  type: 'CREDIT',
  amount,
});
/** A debit and a credit of the same amount. */
export const move = (from: string, to: string, amount: Amount): LegInput[] => [
  debit(from, amount),
  credit(to, amount),
];

/** Wallets of one new asset that have these amounts available. */
export async function createWallets<const A extends readonly Amount[]>(
  on: Driver,
  amounts: A,
  asset: Partial<NewAsset> = {},
): Promise<{ [I in keyof A]: string }> {
  const code = await on.createAsset(asset);
  return walletsOf(on, code, amounts);
}

/** Wallets of an asset that is there. */
export async function walletsOf<const A extends readonly Amount[]>(
  on: Driver,
  asset: string,
  amounts: A,
): Promise<{ [I in keyof A]: string }> {
  const wallets: string[] = [];
  for (const amount of amounts) {
    const wallet = await on.createWallet({ asset });
    if (amount !== '0') await fund(on, asset, wallet, amount);
    wallets.push(wallet);
  }
  return wallets as { [I in keyof A]: string };
}

/** Money from the world outside, at once. */
export async function fund(on: Driver, asset: string, wallet: string, amount: Amount) {
  done(await on.asAdmin().transfer(move(`external:${asset}`, wallet, amount)));
}

/** The group of an act that must have taken effect. */
export function done(result: Result): Group {
  if (result.outcome !== 'done' || result.group === null) {
    throw new Error(`refused with ${result.outcome}: ${result.detail}`);
  }
  return result.group;
}

/** What is available in each wallet. */
export async function available(on: Driver, ...wallets: string[]): Promise<Amount[]> {
  const balances = await Promise.all(wallets.map((wallet) => on.balance(wallet)));
  return balances.map((balance) => balance.available);
}

/** (available, pendingIn, held) of a wallet. */
export async function parts(on: Driver, wallet: string): Promise<[Amount, Amount, Amount]> {
  const balance = await on.balance(wallet);
  return [balance.available, balance.pendingIn, balance.held];
}

/** A group's rows in the order in which they were written, as `HOLD DEBIT -10`. */
export async function rows(on: Driver, group: string): Promise<string[]> {
  const entries = await on.entries(group);
  return entries.map(({ status, type, amount }) => `${status} ${type} ${amount}`);
}

/** How often each outcome came. */
export function tally(results: Result[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

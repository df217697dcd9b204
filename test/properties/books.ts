/**
 * The plain books that the ledger is held against: wallets, groups, legs in memory, in whole cents.
 * Written from what the documents promise, and not from the SQL that keeps the promise.
 */
import type {
  GroupKind,
  GroupStatus,
  LegType,
  WalletStatus,
} from '../../src/contracts/resources.ts';
import type { LegInput } from '../../src/contracts/steps.ts';

/** Every asset of the model has two decimals. */
const SCALE = 2;

export interface PlainLeg {
  wallet: string;
  asset: string;
  type: LegType;
  amount: bigint;
  settled: bigint;
  remaining: bigint;
  /** What reversals took back of `settled`. */
  reversed: bigint;
}

export interface PlainGroup {
  id: string;
  kind: GroupKind;
  status: GroupStatus;
  reason: string | null;
  legs: PlainLeg[];
  /** `at` as the ledger said it. */
  deadline: { at: string; isPast: boolean } | null;
  reverses: string | null;
}

export interface PlainWallet {
  asset: string;
  /** Of the system: may be overdrawn, and is nobody's but an admin's to name. */
  system: boolean;
  status: WalletStatus;
  settled: bigint;
  held: bigint;
  pendingIn: bigint;
}

export interface PlainAsset {
  minDeposit: bigint;
  minWithdrawal: bigint;
  fee: bigint;
}

/** Cents of a decimal string; null where it has more decimals than the asset. */
export function centsOf(amount: string): bigint | null {
  const [whole = '', decimals = ''] = amount.split('.');
  const kept = decimals.replace(/0+$/, '');
  return kept.length > SCALE ? null : BigInt(whole + kept.padEnd(SCALE, '0'));
}

/** Cents of a decimal string, what is smaller than one dropped. */
export function wholeCentsOf(amount: string): bigint {
  const [whole = '', decimals = ''] = amount.split('.');
  return BigInt(whole + decimals.slice(0, SCALE).padEnd(SCALE, '0'));
}

/** A decimal string without trailing zeros. */
export function textOf(cents: bigint): string {
  const sign = cents < 0n ? '-' : '';
  const digits = (cents < 0n ? -cents : cents).toString().padStart(SCALE + 1, '0');
  const text = `${digits.slice(0, -SCALE)}.${digits.slice(-SCALE)}`.replace(/\.?0+$/, '');
  return sign + (text === '' ? '0' : text);
}

/** Who has what, and which group holds what of whom. */
export class Books {
  readonly assets = new Map<string, PlainAsset>();
  readonly wallets = new Map<string, PlainWallet>();
  readonly groups = new Map<string, PlainGroup>();
  /** Deposits that bore the outside's reference. */
  readonly outside = new Map<string, { group: string; wallet: string; cents: bigint | null }>();

  wallet(id: string): PlainWallet {
    const wallet = this.wallets.get(id);
    if (!wallet) throw new Error(`The model has no wallet ${id}`);
    return wallet;
  }

  /** New legs of a group that is there, held. */
  hold(group: PlainGroup, legs: LegInput[]): void {
    for (const { wallet: id, type, amount } of legs) {
      const wallet = this.wallet(id);
      const cents = centsOf(amount) ?? 0n;
      if (type === 'DEBIT') wallet.held += cents;
      else wallet.pendingIn += cents;
      const leg = { wallet: id, asset: wallet.asset, type, amount: cents };
      group.legs.push({ ...leg, settled: 0n, remaining: cents, reversed: 0n });
    }
  }

  /** Ends the hold of so much of a leg; what is not settled is given back. */
  end(leg: PlainLeg, cents: bigint, isSettled: boolean): void {
    const wallet = this.wallet(leg.wallet);
    leg.remaining -= cents;
    if (leg.type === 'DEBIT') wallet.held -= cents;
    else wallet.pendingIn -= cents;
    if (!isSettled) return;
    leg.settled += cents;
    wallet.settled += leg.type === 'DEBIT' ? -cents : cents;
  }

  /** Gives back all that remains and closes the group. */
  giveBack(group: PlainGroup, status: GroupStatus, reason: string | null): void {
    for (const leg of group.legs) this.end(leg, leg.remaining, false);
    group.status = status;
    group.reason = reason;
  }

  /** Settles parts, by index of the leg; `final` gives the rest back. Closes what holds no more. */
  capture(group: PlainGroup, parts: Map<number, bigint>, final: boolean): void {
    for (const [index, cents] of parts) this.end(group.legs[index]!, cents, true);
    if (final) for (const leg of group.legs) this.end(leg, leg.remaining, false);
    if (group.legs.every((leg) => leg.remaining === 0n)) group.status = 'SETTLED';
  }
}

/** True where debits and credits are equal for each asset. */
export function addsUp(parts: { asset: string; type: LegType; cents: bigint }[]): boolean {
  const sums = new Map<string, bigint>();
  for (const { asset, type, cents } of parts) {
    sums.set(asset, (sums.get(asset) ?? 0n) + (type === 'DEBIT' ? -cents : cents));
  }
  return [...sums.values()].every((sum) => sum === 0n);
}

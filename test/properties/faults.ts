/** What can be wrong with legs and with parts of them. */
import type { ProblemCode } from '../../src/contracts/codes.ts';
import type { LegAmount, LegInput } from '../../src/contracts/steps.ts';
import { addsUp, type Books, centsOf, type PlainGroup, wholeCentsOf } from './books.ts';

/** All that is wrong with new legs; `immediate` ones have to add up, too. */
export function faultsOfLegs(books: Books, legs: LegInput[], admin: boolean, immediate: boolean) {
  const faults = new Set<ProblemCode>();
  const asked = new Map<string, bigint>();
  const parts = [];
  for (const { wallet: id, type, amount, asset } of legs) {
    const wallet = books.wallets.get(id);
    const cents = centsOf(amount);
    parts.push({ asset: wallet?.asset ?? asset ?? '', type, cents: cents ?? 0n });
    if (!wallet) {
      faults.add('WALLET_NOT_FOUND');
      continue;
    }
    if (wallet.system && !admin) faults.add('FORBIDDEN');
    if (wallet.status === 'CLOSED' || (wallet.status === 'FROZEN' && type === 'DEBIT')) {
      faults.add('WALLET_NOT_OPEN');
    }
    if (asset !== undefined && asset !== wallet.asset) faults.add('ASSET_MISMATCH');
    if (cents === null) faults.add('INVALID_AMOUNT');
    if (type === 'DEBIT') asked.set(id, (asked.get(id) ?? 0n) + (cents ?? 0n));
  }
  for (const [id, cents] of asked) {
    const { system, settled, held } = books.wallet(id);
    if (!system && settled - held < cents) faults.add('INSUFFICIENT_FUNDS');
  }
  if (immediate && (legs.length === 0 || !addsUp(parts))) faults.add('UNBALANCED_GROUP');
  return [...faults];
}

/** Parts of legs by index, several of one leg together; `all` where none are named. */
export function partsOf(group: PlainGroup, legs: LegAmount[] | null, all: (leg: number) => bigint) {
  const parts = new Map<number, bigint>();
  const faults = new Set<ProblemCode>();
  if (legs === null) {
    for (const index of group.legs.keys()) if (all(index) > 0n) parts.set(index, all(index));
  }
  for (const { leg, amount } of legs ?? []) {
    const cents = centsOf(amount);
    if (cents === null && group.legs[leg - 1]) faults.add('INVALID_AMOUNT');
    parts.set(leg - 1, (parts.get(leg - 1) ?? 0n) + wholeCentsOf(amount));
  }
  const beyond = [...parts].some(([index, cents]) => !group.legs[index] || cents > all(index));
  const known = [...parts].filter(([index]) => group.legs[index]);
  const balance = known.map(([index, cents]) => ({ ...group.legs[index]!, cents }));
  return { parts, beyond, faults: [...faults], isBalanced: addsUp(balance) };
}

/**
 * What each act on the plain books does, or why it is refused. Where several things are wrong at
 * once the contract names no order, so a verdict lists all that may be told.
 */
import type { ProblemCode } from '../../src/contracts/codes.ts';
import type { GroupKind } from '../../src/contracts/resources.ts';
import type { LegAmount, LegInput } from '../../src/contracts/steps.ts';
import type { StepInputs } from '../../src/ledger/requests.ts';
import { type Books, centsOf, type PlainGroup, textOf, wholeCentsOf } from './books.ts';
import type { ModelVerb } from './calls.ts';
import { faultsOfLegs, partsOf } from './faults.ts';

export type Verdict =
  /** `about`: the group that is told, where it is not the one that was asked for. */
  | { say: 'done'; happens: () => void; about?: string }
  | { say: 'refused'; codes: ProblemCode[]; stored: boolean; expires?: boolean }
  | { say: 'not_found' }
  | { say: 'not_due' };

type Rules = { [V in ModelVerb]: (books: Books, input: StepInputs[V]) => Verdict };

const refuse = (...codes: ProblemCode[]): Verdict => ({ say: 'refused', codes, stored: true });
const tell = (code: ProblemCode): Verdict => ({ say: 'refused', codes: [code], stored: false });
const done = (happens: () => void): Verdict => ({ say: 'done', happens });

function newGroup(books: Books, id: string, kind: GroupKind): PlainGroup {
  const group: PlainGroup = {
    ...{ id, kind, status: 'IN_PROGRESS', reason: null },
    ...{ legs: [], deadline: null, reverses: null },
  };
  books.groups.set(id, group);
  return group;
}

/** An act on a group of one kind that is open. */
function onOpen(
  books: Books,
  id: string,
  kind: GroupKind,
  act: (group: PlainGroup) => Verdict,
  endsAtDeadline = false,
): Verdict {
  const group = books.groups.get(id);
  if (!group) return { say: 'not_found' };
  if (group.kind !== kind) return refuse('WRONG_KIND');
  if (group.status !== 'IN_PROGRESS') return refuse('GROUP_NOT_OPEN');
  if (endsAtDeadline && group.deadline?.isPast) {
    return { say: 'refused', codes: ['GROUP_NOT_OPEN'], stored: true, expires: true };
  }
  return act(group);
}

function capture(
  books: Books,
  group: PlainGroup,
  legs: LegAmount[] | null,
  final: boolean,
): Verdict {
  const { parts, beyond, faults, isBalanced } = partsOf(
    group,
    legs,
    (at) => group.legs[at]!.remaining,
  );
  if (faults.length > 0) return refuse(...faults, 'AMOUNT_EXCEEDS_HELD', 'UNBALANCED_GROUP');
  if (beyond) return refuse('AMOUNT_EXCEEDS_HELD');
  if (parts.size === 0 || !isBalanced) return refuse('UNBALANCED_GROUP');
  return done(() => books.capture(group, parts, final));
}

/** The same part of legs 1 and 2: a deposit's or a withdrawal's principal. */
const principal = (amount: string): LegAmount[] => [1, 2].map((leg) => ({ leg, amount }));

/** Opening under an id that something else wrote. */
const isTaken = (books: Books, id: string) => books.groups.has(id);

export const RULES: Rules = {
  openTransfer: (books, { groupId, legs, settle, actor, expiresIn }) => {
    if (isTaken(books, groupId)) return refuse('GROUP_NOT_OPEN');
    const immediate = settle === 'immediate';
    const faults = faultsOfLegs(books, legs, actor.admin, immediate);
    if (faults.length > 0) return refuse(...faults);
    return done(() => {
      const group = newGroup(books, groupId, 'transfer');
      books.hold(group, legs);
      if (expiresIn !== null) group.deadline = { at: '', isPast: false };
      if (immediate)
        books.capture(group, new Map(group.legs.map((leg, at) => [at, leg.amount])), true);
    });
  },

  addLegs: (books, { groupId, legs, actor }) => {
    const act = (group: PlainGroup) => {
      const faults = faultsOfLegs(books, legs, actor.admin, false);
      return faults.length > 0 ? refuse(...faults) : done(() => books.hold(group, legs));
    };
    return onOpen(books, groupId, 'transfer', act, true);
  },

  settle: (books, { groupId, legs, final }) =>
    onOpen(books, groupId, 'transfer', (group) => capture(books, group, legs, final), true),

  release: (books, { groupId, reason }) =>
    onOpen(books, groupId, 'transfer', (group) =>
      done(() => books.giveBack(group, 'RELEASED', reason)),
    ),

  cancel: (books, { groupId, reason }) =>
    onOpen(books, groupId, 'transfer', (group) =>
      done(() => books.giveBack(group, 'CANCELLED', reason)),
    ),

  expire: (books, { groupId, expiresAt }) => {
    const group = books.groups.get(groupId);
    if (!group) return { say: 'not_found' };
    if (group.status !== 'IN_PROGRESS') return tell('GROUP_NOT_OPEN');
    if (!group.deadline || group.kind === 'withdrawal') return tell('WRONG_KIND');
    if (!group.deadline.isPast || group.deadline.at !== expiresAt) return { say: 'not_due' };
    return done(() => books.giveBack(group, 'CANCELLED', 'EXPIRED'));
  },

  extend: (books, { groupId }) => {
    const act = (group: PlainGroup) =>
      done(() => {
        group.deadline = { at: '', isPast: false };
      });
    return onOpen(books, groupId, 'transfer', act, true);
  },

  reverse: (books, { groupId, reverses, amount, legs, reason, actor }) => {
    const original = books.groups.get(reverses);
    if (!original) return { say: 'not_found' };
    if (isTaken(books, groupId)) return refuse('GROUP_NOT_OPEN');
    if (original.kind === 'reversal') return refuse('WRONG_KIND');
    const isSystems = original.legs.some(({ wallet }) => books.wallets.get(wallet)?.system);
    if (original.kind === 'transfer' && isSystems && !actor.admin) return tell('FORBIDDEN');
    const settled = original.legs.flatMap((leg, at) => (leg.settled > 0n ? [{ ...leg, at }] : []));
    if (settled.length === 0) return refuse('GROUP_NOT_SETTLED');
    const debits = settled.filter(({ type }) => type === 'DEBIT').length;
    const isPlain = settled.length === 2 && debits === 1;
    if (amount !== null && !isPlain) return tell('INVALID_REQUEST');
    const asked = amount === null ? legs : settled.map(({ at }) => ({ leg: at + 1, amount }));
    const left = (at: number) => original.legs[at]!.settled - original.legs[at]!.reversed;
    const { parts, beyond, faults } = partsOf(original, asked, left);
    if (faults.length > 0) return refuse(...faults, 'REVERSAL_EXCEEDS_SETTLED');
    if (beyond || parts.size === 0) return refuse('REVERSAL_EXCEEDS_SETTLED');
    const back = [...parts].sort(([a], [b]) => a - b).map(([at, cents]) => ({ at, cents }));
    const legsBack = back.map(({ at, cents }): LegInput => {
      const { wallet, type } = original.legs[at]!;
      return { wallet, type: type === 'DEBIT' ? 'CREDIT' : 'DEBIT', amount: textOf(cents) };
    });
    const wrong = faultsOfLegs(books, legsBack, true, true);
    if (wrong.length > 0) return refuse(...wrong);
    return done(() => {
      const group = newGroup(books, groupId, 'reversal');
      Object.assign(group, { reverses, reason });
      books.hold(group, legsBack);
      books.capture(group, new Map(group.legs.map((leg, at) => [at, leg.amount])), true);
      for (const { at, cents } of back) original.legs[at]!.reversed += cents;
    });
  },

  openDeposit: (books, { groupId, wallet, amount, actor, txid, ordinal, source }) => {
    if (isTaken(books, groupId)) return refuse('GROUP_NOT_OPEN');
    const found = books.wallets.get(wallet);
    if (!found) return refuse('WALLET_NOT_FOUND');
    const reference = JSON.stringify([found.asset, source ?? '', txid, ordinal ?? 0]);
    const known = txid === null ? undefined : books.outside.get(reference);
    if (known) {
      const isSame = known.wallet === wallet && known.cents === centsOf(amount);
      return isSame ? { ...done(() => {}), about: known.group } : refuse('DEPOSIT_EXISTS');
    }
    const legs: LegInput[] = [
      { wallet: `external:${found.asset}`, type: 'DEBIT', amount },
      { wallet, type: 'CREDIT', amount },
    ];
    const faults = faultsOfLegs(books, legs, true, true);
    if (found.system && !actor.admin) faults.push('FORBIDDEN');
    const { minDeposit } = books.assets.get(found.asset)!;
    if (wholeCentsOf(amount) < minDeposit) faults.push('BELOW_MINIMUM');
    if (faults.length > 0) return refuse(...faults);
    return done(() => {
      books.hold(newGroup(books, groupId, 'deposit'), legs);
      const cents = centsOf(amount);
      if (txid !== null) books.outside.set(reference, { group: groupId, wallet, cents });
    });
  },

  confirmDeposit: (books, { groupId, amount, final }) =>
    onOpen(books, groupId, 'deposit', (group) =>
      capture(books, group, amount === null ? null : principal(amount), final),
    ),

  cancelDeposit: (books, { groupId, reason }) =>
    onOpen(books, groupId, 'deposit', (group) =>
      done(() => books.giveBack(group, 'CANCELLED', reason)),
    ),

  openWithdrawal: (books, { groupId, wallet, amount, actor, expiresIn }) => {
    if (isTaken(books, groupId)) return refuse('GROUP_NOT_OPEN');
    const found = books.wallets.get(wallet);
    if (!found) return refuse('WALLET_NOT_FOUND');
    const { fee, minWithdrawal } = books.assets.get(found.asset)!;
    const legs: LegInput[] = [
      { wallet, type: 'DEBIT', amount },
      { wallet: `external:${found.asset}`, type: 'CREDIT', amount },
    ];
    if (fee > 0n) {
      legs.push({ wallet, type: 'DEBIT', amount: textOf(fee) });
      legs.push({ wallet: `fees:${found.asset}`, type: 'CREDIT', amount: textOf(fee) });
    }
    const faults = faultsOfLegs(books, legs, true, true);
    if (found.system && !actor.admin) faults.push('FORBIDDEN');
    if (wholeCentsOf(amount) < minWithdrawal) faults.push('BELOW_MINIMUM');
    if (faults.length > 0) return refuse(...faults);
    return done(() => {
      const group = newGroup(books, groupId, 'withdrawal');
      books.hold(group, legs);
      if (expiresIn !== null) group.deadline = { at: '', isPast: false };
    });
  },

  finalizeWithdrawal: (books, { groupId, amount, final }) =>
    onOpen(books, groupId, 'withdrawal', (group) => {
      if (amount === null) return capture(books, group, null, final);
      const fees = group.legs.slice(2).map((leg, at) => ({
        leg: at + 3,
        amount: textOf(leg.remaining),
      }));
      const isLast = final || centsOf(amount) === group.legs[0]!.remaining;
      const rest = isLast ? fees.filter(({ amount: fee }) => fee !== '0') : [];
      return capture(books, group, [...principal(amount), ...rest], final);
    }),

  releaseWithdrawal: (books, { groupId, reason, amount, final }) =>
    onOpen(books, groupId, 'withdrawal', (group) => {
      const [debit, credit] = group.legs as [PlainGroup['legs'][0], PlainGroup['legs'][0]];
      const cents = amount === null ? debit.remaining : centsOf(amount);
      if (cents === null) return refuse('INVALID_AMOUNT', 'AMOUNT_EXCEEDS_HELD');
      if (cents > debit.remaining) return refuse('AMOUNT_EXCEEDS_HELD');
      if (amount === null || final || cents === debit.remaining) {
        return done(() => books.giveBack(group, 'RELEASED', reason));
      }
      return done(() => {
        for (const leg of [debit, credit]) books.end(leg, cents, false);
      });
    }),

  markStuck: (books, { groupId, expiresAt }) => {
    const group = books.groups.get(groupId);
    if (!group) return { say: 'not_found' };
    if (group.status !== 'IN_PROGRESS') return tell('GROUP_NOT_OPEN');
    if (!group.deadline || group.kind !== 'withdrawal') return tell('WRONG_KIND');
    if (!group.deadline.isPast || group.deadline.at !== expiresAt) return { say: 'not_due' };
    return done(() => {});
  },

  tombstone: (books, { groupId, kind, reason }) => {
    if (isTaken(books, groupId)) return RULES.cancel(books, { groupId, reason } as never);
    return done(() => {
      Object.assign(newGroup(books, groupId, kind), { status: 'CANCELLED', reason });
    });
  },
};

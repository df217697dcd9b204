/** The ledger as it should be: plain books, and the first answer of every key. */
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';
import type { ProblemCode } from '../../src/contracts/codes.ts';
import type { Group, GroupKind } from '../../src/contracts/resources.ts';
import type { StepOutcome } from '../../src/contracts/steps.ts';
import { Books, centsOf, textOf } from './books.ts';
import { type Call, isStep, type StepCall, shapeOf, type Told } from './calls.ts';
import { RULES, type Verdict } from './rules.ts';

/** These are about the request and not about money: told, and the key stays free. */
const NEVER_STORED = new Set<ProblemCode>(['INVALID_AMOUNT', 'INVALID_REQUEST', 'FORBIDDEN']);

interface Answered {
  meaning: unknown;
  /** Null where the ledger decided it by itself and told nobody yet. */
  first: StepOutcome | null;
}

export class Model {
  readonly books = new Books();
  readonly answered = new Map<string, Answered>();
  /** How many changes of wallets' status have been taken over from the ledger's rows. */
  statusChanges = 0;

  /** Holds an answer against what should have happened, and lets it happen here. */
  learn(call: Call, told: Told): void {
    if (isStep(call)) this.#learnStep(call, told as StepOutcome);
    else if (call.verb === 'setStatus') this.#learnStatus(call, told.outcome);
    else if (call.verb === 'timePasses') {
      const at = (told as { at: string }).at;
      this.books.groups.get(call.group)!.deadline = { at, isPast: true };
    }
  }

  #learnStep(call: StepCall, told: StepOutcome): void {
    const { groupId, stepKey } = call.input;
    const before = this.answered.get(`${groupId} ${stepKey}`);
    if (before) {
      if (!isSameMeaning(before.meaning, meaningOf(call))) {
        expect(told.outcome).toBe('key_reused');
      } else if (before.first) expect(told).toEqual({ ...before.first, replayed: true });
      else expect(told).toMatchObject({ outcome: 'done', replayed: true });
      return;
    }
    const verdict = (RULES[call.verb] as (books: Books, input: unknown) => Verdict)(
      this.books,
      call.input,
    );
    expect(told.outcome).toBe(verdict.say);
    if (verdict.say === 'done') this.#learnDone(call, told, verdict);
    if (verdict.say === 'refused') this.#learnRefusal(call, told, verdict);
    if (told.outcome === 'not_due') {
      expect(told.expiresAt).toBe(this.books.groups.get(groupId)?.deadline?.at);
    }
  }

  #learnDone(call: StepCall, told: StepOutcome, verdict: Verdict & { say: 'done' }): void {
    if (told.outcome !== 'done') return;
    const isNew = !this.books.groups.has(call.input.groupId);
    verdict.happens();
    const group = this.books.groups.get(verdict.about ?? call.input.groupId);
    const deadline = group?.deadline;
    if (deadline && (isNew || call.verb === 'extend')) deadline.at = told.group.expiresAt ?? '';
    expect(told.replayed).toBe(false);
    expect(shapeOf(told.group)).toEqual(this.shape(told.group.id));
    expect(told.groupStatus).toBe(group?.status);
    this.#remember(call, told);
  }

  #learnRefusal(call: StepCall, told: StepOutcome, verdict: Verdict & { say: 'refused' }): void {
    if (told.outcome !== 'refused') return;
    const { input } = call;
    const { code } = told.refusal;
    expect(verdict.codes).toContain(code);
    const isFreezing = !('freeze' in input && input.freeze === false);
    const isStored = verdict.stored && isFreezing && !NEVER_STORED.has(code);
    const group = this.books.groups.get(input.groupId);
    if (verdict.expires && group?.deadline) this.#expire(input.groupId, group.deadline.at);
    const isNew = !group;
    if (isNew && isStored) this.#buryRefused(call, code);
    expect(told).toMatchObject({ replayed: false, frozen: isStored });
    if (isNew && !isStored) expect(told.group).toBeNull();
    else expect(shapeOf(told.group as Group)).toEqual(this.shape(input.groupId));
    if (isStored) this.#remember(call, told);
  }

  /** The deadline's own act, which another act found to be due. */
  #expire(id: string, at: string): void {
    this.books.giveBack(this.books.groups.get(id)!, 'CANCELLED', 'EXPIRED');
    this.answered.set(`${id} ~expire:${at}`, { meaning: { expiresAt: at }, first: null });
  }

  #buryRefused({ input }: StepCall, reason: string): void {
    const id = input.groupId;
    const kind = id.split(':')[0] as GroupKind;
    const reverses = 'reverses' in input ? input.reverses : null;
    const status = 'CANCELLED' as const;
    this.books.groups.set(id, { id, kind, status, reason, reverses, legs: [], deadline: null });
  }

  #learnStatus(call: Call & { verb: 'setStatus' }, outcome: string): void {
    const wallet = this.books.wallet(call.wallet);
    const isEmpty = wallet.settled === 0n && wallet.held === 0n && wallet.pendingIn === 0n;
    if (wallet.status === call.status) expect(outcome).toBe('done');
    else if (wallet.status === 'CLOSED') expect(outcome).toBe('WALLET_NOT_OPEN');
    else if (call.status === 'CLOSED' && (wallet.system || !isEmpty)) {
      expect(outcome).toBe('WALLET_NOT_EMPTY');
    } else {
      expect(outcome).toBe('done');
      wallet.status = call.status;
    }
  }

  #remember(call: StepCall, first: StepOutcome): void {
    const { groupId, stepKey } = call.input;
    this.answered.set(`${groupId} ${stepKey}`, { meaning: meaningOf(call), first });
  }

  /** A group as an answer shows it. */
  shape(id: string) {
    const { kind, status, reason, reverses, legs } = this.books.groups.get(id)!;
    const shown = legs.map(({ wallet, asset, type, amount, settled, remaining }) => ({
      ...{ wallet, asset, type, amount: textOf(amount) },
      ...{ settled: textOf(settled), remaining: textOf(remaining) },
    }));
    return { id, kind, status, reason, reverses, legs: shown };
  }
}

/** A request without who, when and under which key, every amount in cents. */
function meaningOf({ input }: StepCall): unknown {
  const { groupId: _g, stepKey: _s, actor: _a, ...rest } = input;
  const { client: _c, acceptBy: _b, freeze: _f, ...body } = rest as Record<string, unknown>;
  return JSON.parse(JSON.stringify(body), (field, value) =>
    field === 'amount' && typeof value === 'string' ? (centsOf(value)?.toString() ?? value) : value,
  );
}

/** A leg may leave out its asset, which its wallet says. */
function isSameMeaning(a: unknown, b: unknown): boolean {
  if (isDeepStrictEqual(a, b)) return true;
  const without = (meaning: unknown, other: unknown) => {
    const { legs, ...rest } = meaning as { legs?: { asset?: string }[] | null };
    const others = (other as { legs?: { asset?: string }[] | null }).legs;
    const bare = legs?.map(({ asset, ...leg }, at) =>
      others?.[at]?.asset && asset ? { ...leg, asset } : leg,
    );
    return { ...rest, legs: bare };
  };
  return isDeepStrictEqual(without(a, b), without(b, a));
}

/** What the numbers of an action stand for: amounts, wallets, groups, legs that are there. */
import { groupId, stepKey } from '../../src/contracts/ids.ts';
import type { GroupKind } from '../../src/contracts/resources.ts';
import type { LegInput } from '../../src/contracts/steps.ts';
import { type PlainGroup, textOf } from './books.ts';
import type { StepCall } from './calls.ts';
import type { Model } from './model.ts';

/** Numbers of which an act is made; where and to whom follows from what is there by then. */
export interface Numbers {
  group: number;
  wallets: [number, number];
  cents: number;
  /** 0: another spelling. 1: a decimal too many. Else as it is. */
  spelling: number;
  /** 0: by an admin. */
  who: number;
  final: boolean;
  /** Which of the shapes that an act has. */
  shape: number;
}

/** What a run has done so far, and how it names things. */
export interface Run {
  tag: string;
  model: Model;
  done: StepCall[];
  /** Wallets of users; the system's follow from the assets. */
  users: string[];
  assets: [string, string];
}

export function amountOf({ cents, spelling }: Numbers): string {
  const text = textOf(BigInt(cents));
  if (spelling === 1) return `${text.includes('.') ? text : `${text}.`}0055`.slice(0, -1);
  return spelling === 0 ? `${text.includes('.') ? text : `${text}.`}00` : text;
}

/** A run is a client of its own, so that its groups are told from other runs' by their ids. */
export function clientOf({ tag }: Run): string {
  return tag;
}

/** An open group of the kind, sometimes any group, sometimes none that is there. */
export function groupOf(run: Run, kind: GroupKind, { group, shape }: Numbers): string {
  if (shape === 11) return groupId(kind, clientOf(run), 'nowhere');
  const all = [...run.model.books.groups.values()];
  const ofKind = all.filter((each) => each.kind === kind);
  const open = ofKind.filter(({ status }) => status === 'IN_PROGRESS');
  const from =
    shape === 10 || ofKind.length === 0 ? all : shape >= 8 || open.length === 0 ? ofKind : open;
  return from[group % Math.max(1, from.length)]?.id ?? groupId(kind, clientOf(run), 'nowhere');
}

export function walletOf({ users, assets }: Run, number: number): string {
  if (number % 25 === 24) return `external:${assets[0]}`;
  if (number % 40 === 38) return 'nobody';
  return users[number % users.length]!;
}

export function actor(run: Run, { who }: Numbers) {
  return { name: clientOf(run), admin: who === 0 };
}

export function opening(run: Run, action: Numbers, kind: GroupKind, key: string) {
  const client = clientOf(run);
  const step = { groupId: groupId(kind, client, key), stepKey: stepKey('create', client, key) };
  return { ...step, actor: actor(run, action), client, acceptBy: null };
}

export function act(
  run: Run,
  action: Numbers,
  id: string,
  verb: Parameters<typeof stepKey>[0],
  key: string,
) {
  const step = { groupId: id, stepKey: stepKey(verb, clientOf(run), key) };
  return { ...step, actor: actor(run, action) };
}

/** A debit and a credit, mostly of one asset. */
export function pair(run: Run, action: Numbers): LegInput[] {
  const amount = amountOf(action);
  const from = walletOf(run, action.wallets[0]);
  const to = walletOf(run, action.wallets[1]);
  const fromAsset = run.model.books.wallets.get(from)?.asset;
  const near = run.users.filter((id) => run.model.books.wallet(id).asset === fromAsset);
  const same = near[action.wallets[1] % Math.max(1, near.length)];
  return [
    { wallet: from, type: 'DEBIT', amount },
    { wallet: action.shape < 9 ? (same ?? to) : to, type: 'CREDIT', amount },
  ];
}

/** Legs that add up or not, of one asset or two, one of them naming its asset. */
export function someLegs(run: Run, action: Numbers): LegInput[] {
  const [one, two] = pair(run, action) as [LegInput, LegInput];
  const named = { ...two, asset: run.assets[action.final ? 0 : 1] };
  const split: LegInput[] = [two, { ...two, wallet: walletOf(run, action.group) }];
  const shapes = [[one], [two], [one, ...split], [one, named], [one, two, two, one], []];
  return shapes[action.shape % shapes.length]!;
}

/** So much of each leg, or what a leg still holds; sometimes of a leg that is not there. */
export function partsOf(
  action: Numbers,
  group: PlainGroup | undefined,
  left: (at: number) => bigint,
) {
  const legs = group?.legs ?? [];
  const whole = action.shape % 3 === 0 && legs.length > 0;
  const amount = whole ? textOf(left(0)) : amountOf(action);
  const all = legs.map((_, at) => ({ leg: at + 1, amount }));
  const parts = action.spelling === 3 ? [...all, { leg: legs.length + 1, amount }] : all;
  const asked = [4, 5].includes(action.spelling) ? parts.slice(0, 1) : parts;
  return amount === '0' || asked.length === 0 ? null : asked;
}

/** An act of deposits and withdrawals: all of it, the exact rest, or a part. */
export function portion(run: Run, action: Numbers, id: string) {
  const rest = run.model.books.groups.get(id)?.legs[0]?.remaining ?? 0n;
  if (action.shape % 4 === 0) return { amount: null, final: true };
  const exact = action.shape % 4 === 1 && rest > 0n;
  return { amount: exact ? textOf(rest) : amountOf(action), final: action.final };
}

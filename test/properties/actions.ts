/** Random acts on the groups and wallets that a model knows. */
import fc from 'fast-check';
import { groupId, reversalId } from '../../src/contracts/ids.ts';
import type { GroupKind } from '../../src/contracts/resources.ts';
import type { LegInput } from '../../src/contracts/steps.ts';
import { textOf } from './books.ts';
import type { Call, StepCall } from './calls.ts';
import {
  act,
  actor,
  amountOf,
  clientOf,
  groupOf,
  type Numbers,
  opening,
  pair,
  partsOf,
  portion,
  type Run,
  someLegs,
  walletOf,
} from './picks.ts';

export interface Action extends Numbers {
  what: keyof typeof MAKE;
}

const DAY_SECONDS = 86_400;

/** Cumulative weight by repetition: opening and ending are most of what happens. */
const WHAT = [
  ...['pay', 'pay', 'hold', 'hold', 'hold', 'legs', 'addLegs', 'settle', 'settle', 'capture'],
  ...['capture', 'capture', 'release', 'cancel', 'expire', 'extend', 'reverse', 'reverse'],
  ...['deposit', 'deposit', 'confirm', 'confirm', 'cancelDeposit', 'withdraw', 'withdraw'],
  ...['finalize', 'finalize', 'giveBack', 'giveBack', 'markStuck', 'tombstone', 'timePasses'],
  ...['setStatus', 'snapshot', 'fold', 'again', 'again', 'again', 'otherwise', 'otherwise'],
] as Action['what'][];

export const action: fc.Arbitrary<Action> = fc.record({
  what: fc.constantFrom(...WHAT),
  group: fc.nat(97),
  wallets: fc.tuple(fc.nat(97), fc.nat(97)),
  cents: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 300 }) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 6000 }) },
  ),
  spelling: fc.nat(15),
  who: fc.nat(7),
  final: fc.boolean(),
  shape: fc.nat(11),
});

/** What is done first where an act finds no open group of its kind. */
const FIRST: Partial<Record<Action['what'], [GroupKind, Action['what']]>> = {
  addLegs: ['transfer', 'hold'],
  settle: ['transfer', 'hold'],
  capture: ['transfer', 'hold'],
  release: ['transfer', 'hold'],
  cancel: ['transfer', 'hold'],
  expire: ['transfer', 'hold'],
  extend: ['transfer', 'hold'],
  confirm: ['deposit', 'deposit'],
  cancelDeposit: ['deposit', 'deposit'],
  finalize: ['withdrawal', 'withdraw'],
  giveBack: ['withdrawal', 'withdraw'],
  markStuck: ['withdrawal', 'withdraw'],
};

/** Turns an action into a call; null where there is nothing yet that it could be about. */
export function callOf(run: Run, action: Action, serial: number): Call | null {
  const [kind, opening] = FIRST[action.what] ?? [];
  const groups = [...run.model.books.groups.values()];
  const isThere = groups.some((each) => each.kind === kind && each.status === 'IN_PROGRESS');
  const what = opening && !isThere && action.shape < 9 ? opening : action.what;
  return MAKE[what](run, action, `k${serial}`);
}

function open(run: Run, action: Action, key: string, legs: LegInput[], manual: boolean): StepCall {
  const step = opening(run, action, 'transfer', key);
  const terms = { expiresIn: manual ? DAY_SECONDS : null, reference: null, metadata: {} };
  const settle = manual ? ('manual' as const) : ('immediate' as const);
  return { verb: 'openTransfer', input: { ...step, legs, settle, ...terms } };
}

type Maker = (run: Run, action: Action, key: string) => Call | null;

const reason = 'it had to be';

function ending(kind: GroupKind, verb: 'release' | 'cancel' | 'cancelDeposit'): Maker {
  return (run, action, key) => {
    const step = act(
      run,
      action,
      groupOf(run, kind, action),
      verb === 'release' ? verb : 'cancel',
      key,
    );
    const freeze = action.spelling === 2 ? { freeze: false } : {};
    return { verb, input: { ...step, reason, ...(verb === 'cancelDeposit' ? {} : freeze) } };
  };
}

function atDeadline(kind: GroupKind, verb: 'expire' | 'markStuck'): Maker {
  return (run, action) => {
    const late = [...run.model.books.groups.values()].find(
      (group) => group.kind === kind && group.deadline?.isPast && group.status === 'IN_PROGRESS',
    );
    const id = action.shape < 9 && late ? late.id : groupOf(run, kind, action);
    const at = run.model.books.groups.get(id)?.deadline?.at;
    const expiresAt = at && action.shape !== 0 ? at : '2026-01-01T00:00:00.000000Z';
    const step = { groupId: id, stepKey: `~${verb}:${expiresAt}`, actor: actor(run, action) };
    return { verb, input: { ...step, expiresAt } };
  };
}

const MAKE = {
  pay: (run, action, key) => open(run, action, key, pair(run, action), false),
  hold: (run, action, key) => open(run, action, key, pair(run, action), true),
  legs: (run, action, key) => open(run, action, key, someLegs(run, action), action.final),
  addLegs: (run, action, key) => {
    const legs = action.shape < 4 ? pair(run, action) : someLegs(run, action);
    const step = act(run, action, groupOf(run, 'transfer', action), 'addLegs', key);
    return {
      verb: 'addLegs',
      input: { ...step, legs: legs.length > 0 ? legs : pair(run, action) },
    };
  },
  settle: (run, action, key) => {
    const step = act(run, action, groupOf(run, 'transfer', action), 'settle', key);
    const freeze = action.spelling === 2 ? { freeze: false } : {};
    return { verb: 'settle', input: { ...step, legs: null, final: true, ...freeze } };
  },
  capture: (run, action, key) => {
    const id = groupOf(run, 'transfer', action);
    const group = run.model.books.groups.get(id);
    const legs = partsOf(action, group, (at) => group!.legs[at]!.remaining);
    const step = act(run, action, id, 'settle', key);
    return { verb: 'settle', input: { ...step, legs, final: action.final } };
  },
  release: ending('transfer', 'release'),
  cancel: ending('transfer', 'cancel'),
  expire: atDeadline('transfer', 'expire'),
  extend: (run, action, key) => {
    const step = act(run, action, groupOf(run, 'transfer', action), 'extend', key);
    return { verb: 'extend', input: { ...step, expiresIn: DAY_SECONDS + action.cents } };
  },
  reverse: (run, action, key) => {
    const all = [...run.model.books.groups.values()];
    const settled = all.filter(({ legs }) => legs.some((leg) => leg.settled > 0n));
    const from = action.shape < 9 && settled.length > 0 ? settled : all;
    const original = from[action.group % Math.max(1, from.length)];
    const reverses = original?.id ?? groupId('transfer', clientOf(run), 'nowhere');
    const client = clientOf(run);
    const step = act(run, action, reversalId(reverses, client, key), 'create', key);
    const left = (at: number) => original!.legs[at]!.settled - original!.legs[at]!.reversed;
    const legs = action.shape % 2 ? partsOf(action, original, left) : null;
    const amount = action.shape % 4 === 2 ? amountOf(action) : null;
    return {
      verb: 'reverse',
      input: { ...step, client, reverses, amount, legs, reason, acceptBy: null },
    };
  },
  deposit: (run, action, key) => {
    const txid = action.shape % 3 === 0 ? `tx${action.group % 3}` : null;
    const outside = {
      txid,
      ordinal: action.final ? 0 : null,
      source: txid && 'bank',
      metadata: {},
    };
    const body = { wallet: walletOf(run, action.wallets[0]), amount: amountOf(action), ...outside };
    return { verb: 'openDeposit', input: { ...opening(run, action, 'deposit', key), ...body } };
  },
  confirm: (run, action, key) => {
    const id = groupOf(run, 'deposit', action);
    const step = act(run, action, id, 'confirm', key);
    return { verb: 'confirmDeposit', input: { ...step, ...portion(run, action, id), txid: null } };
  },
  cancelDeposit: ending('deposit', 'cancelDeposit'),
  withdraw: (run, action, key) => {
    const wallet = walletOf(run, action.wallets[0]);
    const terms = { destination: 'account', feeMode: 'platform' as const, maxFee: null };
    const rest = { riskMeta: null, expiresIn: action.final ? DAY_SECONDS : null, metadata: {} };
    const body = { wallet, amount: amountOf(action), ...terms, ...rest };
    return {
      verb: 'openWithdrawal',
      input: { ...opening(run, action, 'withdrawal', key), ...body },
    };
  },
  finalize: (run, action, key) => {
    const id = groupOf(run, 'withdrawal', action);
    const step = act(run, action, id, 'finalize', key);
    return {
      verb: 'finalizeWithdrawal',
      input: { ...step, ...portion(run, action, id), txid: null },
    };
  },
  giveBack: (run, action, key) => {
    const id = groupOf(run, 'withdrawal', action);
    const step = act(run, action, id, 'release', key);
    return { verb: 'releaseWithdrawal', input: { ...step, ...portion(run, action, id), reason } };
  },
  markStuck: atDeadline('withdrawal', 'markStuck'),
  tombstone: (run, action, key) => {
    const client = clientOf(run);
    const id =
      action.shape < 6 ? groupId('transfer', client, key) : groupOf(run, 'transfer', action);
    const kind = id.split(':')[0] as GroupKind;
    const step = { groupId: id, stepKey: '~tombstone', actor: actor(run, action) };
    return { verb: 'tombstone', input: { ...step, kind, client, reason } };
  },
  timePasses: (run, action) => {
    const waiting = [...run.model.books.groups.values()].filter(
      ({ deadline, status }) => deadline && !deadline.isPast && status === 'IN_PROGRESS',
    );
    const group = waiting[action.group % Math.max(1, waiting.length)]?.id;
    return group ? { verb: 'timePasses', group } : null;
  },
  setStatus: (run, action) => {
    const status = (['OPEN', 'OPEN', 'OPEN', 'FROZEN', 'CLOSED'] as const)[action.shape % 5]!;
    return { verb: 'setStatus', wallet: run.users[action.group % run.users.length]!, status };
  },
  snapshot: () => ({ verb: 'snapshot' }),
  fold: ({ assets }, { final }) => ({ verb: 'fold', wallet: `external:${assets[final ? 0 : 1]}` }),
  again: ({ done }, { group }) => done[group % Math.max(1, done.length)] ?? null,
  otherwise: ({ done }, { group, shape }) => {
    const call = done[group % Math.max(1, done.length)];
    return call ? changed(call, shape) : null;
  },
} satisfies Record<string, Maker>;

/** The same key with another body, where the body has something to change. */
function changed(call: StepCall, shape: number): StepCall {
  const input: Record<string, unknown> = { ...call.input };
  if (typeof input.reason === 'string') input.reason = `${input.reason}, really`;
  else if (typeof input.amount === 'string') input.amount = textOf(BigInt(shape + 1));
  else if (Array.isArray(input.legs) && input.legs.length > 0) {
    input.legs = [{ ...input.legs[0], amount: textOf(BigInt(shape + 1)) }, ...input.legs.slice(1)];
  } else if (typeof input.expiresIn === 'number') input.expiresIn += 1;
  else if ('final' in input) input.final = !input.final;
  return { ...call, input } as unknown as StepCall;
}

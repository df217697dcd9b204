import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Db } from '../../src/db/pool.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { release } from '../../src/ledger/release.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { settle } from '../../src/ledger/settle.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import { openMeter } from './costOf.ts';
import {
  createWorld,
  credit,
  debit,
  done,
  step,
  transferInput,
  unique,
  walletWith,
} from './ledgerWorld.ts';

const ANNOUNCED = ['operations +1', 'outbox +1'];
const opening = (legs: number | string) => [
  ...ANNOUNCED,
  'transfer_groups +1',
  `transfer_legs +${legs}`,
  'wallet_balances ~2',
];
const ENDED = [
  'ledger_entries +2',
  ...ANNOUNCED,
  'transfer_groups ~1',
  'transfer_legs ~2',
  'wallet_balances ~2',
];

/**
 * What a step of a debit and a credit costs inside the database: statements, those of functions and
 * triggers among them, and rows written, + inserted, ~ updated. Round trips, events and workflow
 * tasks stand in `test/workflows/budget.test.ts`. What gets dearer or cheaper says so here.
 */
const BUDGET: Record<string, { statements: number; rows: string[] }> = {
  immediate: { statements: 11, rows: ['ledger_entries +4', ...opening(2)] },
  hold: { statements: 10, rows: ['ledger_entries +2', ...opening(2)] },
  settle: { statements: 12, rows: ENDED },
  release: { statements: 12, rows: ENDED },
  cancel: { statements: 12, rows: ENDED },
  reverse: { statements: 23, rows: ['ledger_entries +4', ...opening('2 ~2')] },
  'the same hold again': { statements: 6, rows: [] },
  'a hold of 100 legs': { statements: 16, rows: ['ledger_entries +100', ...opening(100)] },
};

type Call = (db: Db) => Promise<unknown>;

let world: Awaited<ReturnType<typeof createWorld>>;
let meter: Awaited<ReturnType<typeof openMeter>>;
let a: string;
let b: string;
beforeAll(async () => {
  world = await createWorld();
  meter = await openMeter(world);
  [a, b] = [await walletWith(world.db, '1000'), await walletWith(world.db, '0')];
});
afterAll(() => meter.close());

const pair = (kind: 'immediate' | 'manual') =>
  transferInput([debit(a, '1'), credit(b, '1')], { settle: kind });
const settling = (group: string) => ({ ...step('settle', group), legs: null, final: true });
const givingBack = (verb: 'release' | 'cancel', group: string) => ({
  ...step(verb, group),
  reason: 'not wanted',
});

/** A group of ours to act upon, committed. */
async function opened(kind: 'immediate' | 'manual'): Promise<string> {
  const input = pair(kind);
  await done(openTransfer(world.db, input));
  return input.groupId;
}

/** The call of each name in the budget, once what it needs is there. */
const STEPS: Record<string, () => Promise<Call>> = {
  immediate: async () => (db) => done(openTransfer(db, pair('immediate'))),
  hold: async () => (db) => done(openTransfer(db, pair('manual'))),
  settle: async () => {
    const group = await opened('manual');
    return (db) => done(settle(db, settling(group)));
  },
  release: async () => {
    const group = await opened('manual');
    return (db) => done(release(db, givingBack('release', group)));
  },
  cancel: async () => {
    const group = await opened('manual');
    return (db) => done(cancel(db, givingBack('cancel', group)));
  },
  reverse: async () => {
    const reverses = await opened('immediate');
    const { groupId, ...rest } = pair('immediate');
    const input = { ...rest, groupId: unique('reversal'), reverses, amount: null, legs: null };
    return (db) => done(reverse(db, { ...input, reason: 'returned goods' }));
  },
  'the same hold again': async () => {
    const input = pair('manual');
    await done(openTransfer(world.db, input));
    return (db) => done(openTransfer(db, input));
  },
  'a hold of 100 legs': async () => {
    const legs = Array.from({ length: 50 }, () => [debit(a, '1'), credit(b, '1')]).flat();
    return (db) => done(openTransfer(db, transferInput(legs)));
  },
};

describe('a step costs inside the database what its budget says', () => {
  it.each(Object.keys(STEPS))('%s', async (name) => {
    const call = await STEPS[name]!();
    const { texts, ...cost } = await meter.costOf(call);
    expect(cost, texts.join('\n')).toEqual(BUDGET[name]);
  });
});

describe('steps that share a transaction', () => {
  const shared: Record<string, (count: number) => Promise<Call>> = {
    hold: async (count) => openingAll('manual', count),
    immediate: async (count) => openingAll('immediate', count),
    settle: settlingAll,
  };
  it.each(Object.keys(shared))('run as many statements however many they are: %s', async (name) => {
    const { texts: few } = await meter.costOf(await shared[name]!(20));
    const { texts: many } = await meter.costOf(await shared[name]!(41));
    expect(sharedCalls(few).length).toBeGreaterThan(0);
    expect(sharedCalls(many).length).toBeGreaterThan(0);
    expect(sharedCalls(many).length).toBeLessThan(20);
    const texts = [...few, ...many];
    const calls = sharedCalls(texts);
    expect(new Set(calls).size, texts.join('\n')).toBe(1);
  });
});

/**
 * How many statements each shared call ran; a call's own text comes after what it ran. What a
 * commit looks at once for each finished group comes later still, and is not counted.
 */
function sharedCalls(all: string[]): number[] {
  const texts = all.filter((text) => !text.startsWith('select l.leg from transfer_legs'));
  const counts: number[] = [];
  let since = -1;
  for (const [at, text] of texts.entries()) {
    if (!/^select ledger_\w+\(\$1, /.test(text)) continue;
    if (text.startsWith('select ledger_take_steps(')) counts.push(at - since);
    since = at;
  }
  return counts;
}

function openingAll(kind: 'immediate' | 'manual', count: number): Call {
  const inputs = Array.from({ length: count }, () => pair(kind));
  return (db) => {
    const queue = queueSteps(db);
    return Promise.all(inputs.map((input) => done(openTransfer(queue, input))));
  };
}

async function settlingAll(count: number): Promise<Call> {
  const groups: string[] = [];
  for (let made = 0; made < count; made += 1) groups.push(await opened('manual'));
  return (db) => {
    const queue = queueSteps(db);
    return Promise.all(groups.map((group) => done(settle(queue, settling(group)))));
  };
}

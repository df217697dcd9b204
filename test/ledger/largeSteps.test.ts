import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { createLargeSteps, LARGE_LEGS, type LargeSteps } from '../../src/ledger/largeSteps.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { settle } from '../../src/ledger/settle.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import {
  amounts,
  createWorld,
  credit,
  debit,
  done,
  step,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

/** Runs until it is told to end. */
function held() {
  const { promise, resolve: end, reject: fail } = Promise.withResolvers<string>();
  let hasBegun = false;
  const run = () => {
    hasBegun = true;
    return promise;
  };
  return { run, end, fail, hasBegun: () => hasBegun };
}

/** As many wallets as make a step large, which no other name has. */
const walletsOf = (name: string) => Array.from({ length: LARGE_LEGS }, (_, n) => `${name} ${n}`);

/** Groups of the same letter meet in their wallets: `a1` and `a2`, but not `b1`. */
function takeAll(steps: LargeSteps, names: string[]) {
  const works = names.map(held);
  const answers = names.map((name, n) => {
    const turn = steps(name, walletsOf(name.slice(0, 1)));
    if (turn === undefined) throw new Error(`${name} takes no turn`);
    return turn(works[n]!.run);
  });
  const begun = () => names.filter((_, n) => works[n]?.hasBegun());
  return { works, answers, begun };
}

describe('turns', () => {
  it('go to who waits longest, and to one at a time where they meet in a wallet', async () => {
    const { works, answers, begun } = takeAll(createLargeSteps(), ['a1', 'a2', 'a3', 'b1']);
    await sleep(20);
    expect(begun(), 'nobody is overtaken').toEqual(['a1']);
    works[0]?.end('first');
    expect(await answers[0]).toBe('first');
    await expect.poll(begun).toEqual(['a1', 'a2']);
    works[1]?.fail(new Error('no'));
    await expect(answers[1]).rejects.toThrow('no');
    await expect.poll(begun, { message: 'after a failure too' }).toHaveLength(4);
    for (const { end } of works) end('');
    await Promise.all(answers.slice(2));
  });

  it('are two at once where they share no wallet', async () => {
    const { works, answers, begun } = takeAll(createLargeSteps(), ['a1', 'b1', 'c1', 'd1']);
    await sleep(20);
    expect(begun()).toEqual(['a1', 'b1']);
    works[1]?.end('');
    await expect.poll(begun).toEqual(['a1', 'b1', 'c1']);
    await sleep(20);
    expect(begun()).toHaveLength(3);
    for (const { end } of works) end('');
    await Promise.all(answers);
  });

  it('do not meet in wallets of the system, which no step locks', async () => {
    const steps = createLargeSteps();
    const works = ['a', 'b'].map((name) => {
      const work = held();
      void steps(name, [...walletsOf(name), 'fees:USD', 'external:USD'])?.(work.run);
      return work;
    });
    await sleep(20);
    expect(works.map(({ hasBegun }) => hasBegun())).toEqual([true, true]);
    for (const { end } of works) end('');
  });

  it('do not wait for one that takes long, and are given back once by it', async () => {
    // Far longer than the test takes to see that the next one has begun.
    const steps = createLargeSteps(1_000);
    const { works, answers, begun } = takeAll(steps, ['a1', 'a2', 'a3']);
    await expect.poll(begun).toEqual(['a1', 'a2']);
    works[1]?.end('');
    await expect.poll(begun).toHaveLength(3);
    works[0]?.end('late');
    expect(await answers[0]).toBe('late');
    const later = takeAll(steps, ['a4', 'a5']);
    works[2]?.end('');
    await expect.poll(later.begun).toEqual(['a4']);
    await sleep(10);
    expect(later.begun()).toEqual(['a4']);
    for (const { end } of later.works) end('');
  });

  it('wait a second for a long one where nothing else is said', async () => {
    const { works, begun } = takeAll(createLargeSteps(), ['a1', 'a2']);
    await sleep(100);
    expect(begun()).toEqual(['a1']);
    await expect.poll(begun, { timeout: 4_000 }).toEqual(['a1', 'a2']);
    for (const { end } of works) end('');
  });
});

it('knows the latest groups that are large, by their wallets', () => {
  const steps = createLargeSteps(1_000, 2 * LARGE_LEGS);
  const isLarge: (...asked: Parameters<LargeSteps>) => boolean = (...asked) =>
    steps(...asked) !== undefined;
  expect(isLarge('small', walletsOf('x').slice(1))).toBe(false);
  expect(isLarge('first')).toBe(false);
  expect(isLarge('first', walletsOf('a'))).toBe(true);
  expect(isLarge('second', walletsOf('b'))).toBe(true);
  expect(isLarge('second', walletsOf('b')), 'the same are no more').toBe(true);
  expect([isLarge('first'), isLarge('second'), isLarge('small')]).toEqual([true, true, false]);
  isLarge('third', walletsOf('c'));
  expect([isLarge('first'), isLarge('second'), isLarge('third')]).toEqual([false, true, true]);
  const more = [...walletsOf('d'), ...walletsOf('e'), ...walletsOf('f')];
  expect(isLarge('fourth', more), 'one alone may have more').toBe(true);
  expect([isLarge('second'), isLarge('third'), isLarge('fourth')]).toEqual([false, false, true]);
});

describe('steps of many legs', () => {
  let db: Pool;
  let most = 0;
  beforeAll(async () => {
    const { db: pool } = await createWorld();
    let now = 0;
    const counting = {
      query: (async (...query: [never]) => {
        now += 1;
        most = Math.max(most, now);
        try {
          return await pool.query(...query);
        } finally {
          now -= 1;
        }
      }) as unknown as Pool['query'],
    };
    db = queueSteps(counting, createLargeSteps(60_000)) as Pool;
  });

  const movements = (from: string, to: string, legs: number) =>
    Array.from({ length: legs / 2 }, () => [debit(from, '1'), credit(to, '1')]).flat();

  it.each([
    [LARGE_LEGS, 1],
    [LARGE_LEGS - 2, 8],
  ])('of %i legs %i are at the ledger at once', async (legs, atOnce) => {
    const [a, b] = [await walletWith(db, '10000'), await walletWith(db, '0')];
    most = 0;
    const steps = Array.from({ length: 8 }, () =>
      done(openTransfer(db, transferInput(movements(a, b, legs), { settle: 'manual' }))),
    );
    const groups = await Promise.all(steps);
    expect(most).toBe(atOnce);
    most = 0;
    await Promise.all(
      groups.map(({ group: { id } }) =>
        done(addLegs(db, { ...step('addLegs', id), legs: movements(a, b, legs) })),
      ),
    );
    expect(most).toBe(atOnce);
    expect((await amounts(db, a))[2]).toBe(String(8 * legs));
    most = 0;
    await Promise.all(
      groups.map(({ group: { id } }) =>
        done(settle(db, { ...step('settle', id), legs: null, final: true })),
      ),
    );
    expect(most, 'what is small is settled by one call').toBe(legs < LARGE_LEGS ? 1 : atOnce);
    expect((await amounts(db, b))[0]).toBe(String(8 * legs));
  });
});

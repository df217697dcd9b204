import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { createTurns, knowLargeGroups, LARGE_LEGS } from '../../src/ledger/largeSteps.ts';
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

describe('turns', () => {
  it('are so many at once, and go to who waits longest', async () => {
    const turn = createTurns(2);
    const works = Array.from({ length: 4 }, held);
    const answers = works.map(({ run }) => turn(run));
    await sleep(20);
    expect(works.map(({ hasBegun }) => hasBegun())).toEqual([true, true, false, false]);
    works[1]?.end('second');
    expect(await answers[1]).toBe('second');
    await sleep(20);
    expect(works.map(({ hasBegun }) => hasBegun())).toEqual([true, true, true, false]);
    works[0]?.fail(new Error('no'));
    await expect(answers[0]).rejects.toThrow('no');
    await sleep(20);
    expect(works[3]?.hasBegun(), 'after a failure too').toBe(true);
    for (const { end } of works) end('');
    await Promise.all(answers.slice(2));
    const more = [held(), held(), held()];
    for (const { run } of more) void turn(run);
    await sleep(20);
    expect(
      more.map(({ hasBegun }) => hasBegun()),
      'as many as before',
    ).toEqual([true, true, false]);
  });

  it('do not wait for one that takes long, and are given back once by it', async () => {
    // Far longer than the test takes to see that the next one has begun.
    const turn = createTurns(1, 1_000);
    const [slow, ...others] = [held(), held(), held()];
    const answer = turn(slow?.run as () => Promise<string>);
    for (const { run } of others) void turn(run);
    await expect.poll(() => others[0]?.hasBegun()).toBe(true);
    others[0]?.end('');
    await expect.poll(() => others[1]?.hasBegun()).toBe(true);
    slow?.end('late');
    expect(await answer).toBe('late');
    const [next, last] = [held(), held()];
    void turn(next.run);
    void turn(last.run);
    others[1]?.end('');
    await expect.poll(() => next.hasBegun()).toBe(true);
    await sleep(10);
    expect(last.hasBegun()).toBe(false);
  });
});

it('knows the latest groups that are large', () => {
  const isLarge = knowLargeGroups(2);
  expect(isLarge('small', LARGE_LEGS - 1)).toBe(false);
  expect(isLarge('first')).toBe(false);
  expect(isLarge('first', LARGE_LEGS)).toBe(true);
  expect(isLarge('second', 2_000)).toBe(true);
  expect([isLarge('first'), isLarge('second'), isLarge('small')]).toEqual([true, true, false]);
  isLarge('third', LARGE_LEGS);
  expect([isLarge('first'), isLarge('second'), isLarge('third')]).toEqual([false, true, true]);
});

it('turns that are not told otherwise are two, and wait a second for a long one', async () => {
  const turn = createTurns();
  const works = [held(), held(), held()];
  for (const { run } of works) void turn(run);
  await sleep(100);
  const begun = () => works.map(({ hasBegun }) => hasBegun());
  expect(begun()).toEqual([true, true, false]);
  await expect.poll(begun, { timeout: 4_000 }).toEqual([true, true, true]);
  for (const { end } of works) end('');
});

describe('steps of many legs', () => {
  let db: Pool;
  let most = 0;
  beforeAll(async () => {
    const { db: pool } = await createWorld();
    let now = 0;
    const turns = createTurns(3, 60_000);
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
    db = queueSteps(counting, turns) as Pool;
  });

  const movements = (from: string, to: string, legs: number) =>
    Array.from({ length: legs / 2 }, () => [debit(from, '1'), credit(to, '1')]).flat();

  it.each([
    [LARGE_LEGS, 3],
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

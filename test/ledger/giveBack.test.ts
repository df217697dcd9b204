import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { extend } from '../../src/ledger/extend.ts';
import { release } from '../../src/ledger/release.ts';
import { settle } from '../../src/ledger/settle.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { amounts, createWorld, debit, done, heldPair, hold, rowsOf, step } from './ledgerWorld.ts';

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

const settleInput = (group: string, legs: [number, string][] | null = null, final = true) => ({
  ...step('settle', group),
  legs: legs?.map(([leg, amount]) => ({ leg, amount })) ?? null,
  final,
});

const giveBackInput = (verb: 'release' | 'cancel', group: string, reason = 'because') => ({
  ...step(verb, group),
  reason,
});

describe('release and cancel', () => {
  it.each([
    ['release', release, 'RELEASED'],
    ['cancel', cancel, 'CANCELLED'],
  ] as const)('%s gives back what remains and keeps the reason', async (verb, act, status) => {
    const { a, b, group } = await heldPair(db, '10');
    await done(
      settle(
        db,
        settleInput(
          group,
          [
            [1, '3'],
            [2, '3'],
          ],
          false,
        ),
      ),
    );
    const outcome = await done(act(db, giveBackInput(verb, group, 'in dispute')));
    expect(outcome.group).toMatchObject({ status, reason: 'in dispute' });
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['7', '0', '0'],
      ['3', '0', '0'],
    ]);
    expect((await rowsOf(db, group)).slice(-2)).toEqual([`${status} 7`, `${status} -7`]);
    const timeline = await readTimeline(db, group);
    expect(timeline.map(({ event, reason }) => [event, reason])).toEqual([
      ['hold', null],
      ['settle', null],
      [verb, 'in dispute'],
    ]);
  });

  it('closes a group without legs', async () => {
    const group = await hold(db, []);
    expect((await done(cancel(db, giveBackInput('cancel', group)))).groupStatus).toBe('CANCELLED');
  });
});

describe('a finished group', () => {
  it('refuses every act with its status, and its rows stay as they are', async () => {
    const { a, group } = await heldPair(db, '10');
    await done(cancel(db, giveBackInput('cancel', group, 'changed my mind')));
    const rows = await rowsOf(db, group);
    const calls = [
      settle(db, settleInput(group)),
      release(db, giveBackInput('release', group)),
      cancel(db, giveBackInput('cancel', group)),
      addLegs(db, { ...step('addLegs', group), legs: [debit(a, '1')] }),
      extend(db, { ...step('extend', group), expiresIn: 60 }),
    ];
    for (const call of calls) {
      expect(await call).toMatchObject({
        refusal: {
          code: 'GROUP_NOT_OPEN',
          detail: `Group ${group} is CANCELLED: changed my mind.`,
        },
        frozen: true,
        groupStatus: 'CANCELLED',
      });
    }
    expect(await rowsOf(db, group)).toEqual(rows);
  });
});

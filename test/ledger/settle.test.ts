import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { release } from '../../src/ledger/release.ts';
import { replay } from '../../src/ledger/replay.ts';
import { settle } from '../../src/ledger/settle.ts';
import {
  amounts,
  codeOf,
  createWorld,
  credit,
  debit,
  done,
  heldPair,
  hold,
  rowsOf,
  step,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

const settleInput = (group: string, legs: [number, string][] | null = null, final = true) => ({
  ...step('settle', group),
  legs: legs?.map(([leg, amount]) => ({ leg, amount })) ?? null,
  final,
});

describe('settle', () => {
  it('settles everything held', async () => {
    const { a, b, group } = await heldPair(db, '10');
    const outcome = await done(settle(db, settleInput(group)));
    expect(outcome.group).toMatchObject({ status: 'SETTLED', reason: null });
    expect(outcome.group.legs.map(({ settled, remaining }) => [settled, remaining])).toEqual([
      ['10', '0'],
      ['10', '0'],
    ]);
    expect(await readGroup(db, group)).toEqual(outcome.group);
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['0', '0', '0'],
      ['10', '0', '0'],
    ]);
  });

  it('settles everything held where legs were added to a pair', async () => {
    const { a, b, group } = await heldPair(db, '10');
    const c = await walletWith(db, '2');
    const legs = [debit(c, '2'), credit(b, '2')];
    await done(addLegs(db, { ...step('addLegs', group), legs }));
    const { group: settled } = await done(settle(db, settleInput(group)));
    expect(settled.legs.map(({ settled: part }) => part)).toEqual(['10', '10', '2', '2']);
    const wallets = [await amounts(db, a), await amounts(db, b), await amounts(db, c)];
    expect(wallets.map(([available]) => available)).toEqual(['0', '12', '0']);
  });

  it('captures in parts and gives the rest back with the last one', async () => {
    const { a, b, group } = await heldPair(db, '10');
    const part = await done(
      settle(
        db,
        settleInput(
          group,
          [
            [1, '4'],
            [2, '4'],
          ],
          false,
        ),
      ),
    );
    expect(part.groupStatus).toBe('IN_PROGRESS');
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['0', '0', '6'],
      ['4', '6', '0'],
    ]);
    const last = await done(
      settle(
        db,
        settleInput(group, [
          [1, '1'],
          [2, '1'],
        ]),
      ),
    );
    expect(last.groupStatus).toBe('SETTLED');
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['5', '0', '0'],
      ['5', '0', '0'],
    ]);
    expect((await rowsOf(db, group)).slice(2)).toEqual([
      'SETTLED -4',
      'SETTLED 4',
      'SETTLED -1',
      'SETTLED 1',
      'RELEASED 5',
      'RELEASED -5',
    ]);
  });

  it.each(['SETTLED', 'RELEASED'])(
    'gives back what no part names, and nothing of what settled: %s',
    async (status) => {
      const [a, b, c] = [
        await walletWith(db, '10'),
        await walletWith(db, '0'),
        await walletWith(db, '0'),
      ];
      const group = await hold(db, [debit(a, '10'), credit(b, '6'), credit(c, '4')]);
      const parts: [number, string][] = [
        [1, '6'],
        [2, '6'],
      ];
      const isLast = status === 'SETTLED';
      const part = await done(settle(db, settleInput(group, parts, isLast)));
      const last = isLast
        ? part
        : await done(release(db, { ...step('release', group), reason: 'the rest is off' }));
      expect(last.groupStatus).toBe(status);
      expect([await amounts(db, a), await amounts(db, b), await amounts(db, c)]).toEqual([
        ['4', '0', '0'],
        ['6', '0', '0'],
        ['0', '0', '0'],
      ]);
    },
  );

  it('is SETTLED when nothing remains, whatever final says', async () => {
    const { group } = await heldPair(db, '10');
    const all = settleInput(
      group,
      [
        [2, '10'],
        [1, '10'],
      ],
      false,
    );
    expect((await done(settle(db, all))).groupStatus).toBe('SETTLED');
  });

  it('refuses more than is held, parts that do not sum to zero, and nothing at all', async () => {
    const { a, group } = await heldPair(db, '10');
    const ask = (legs: [number, string][] | null) => codeOf(settle(db, settleInput(group, legs)));
    expect(
      await ask([
        [1, '11'],
        [2, '11'],
      ]),
    ).toBe('AMOUNT_EXCEEDS_HELD');
    expect(
      await ask([
        [1, '6'],
        [1, '6'],
        [2, '12'],
      ]),
    ).toBe('AMOUNT_EXCEEDS_HELD');
    expect(await ask([[3, '1']])).toBe('AMOUNT_EXCEEDS_HELD');
    expect(
      await ask([
        [1, '5'],
        [2, '4'],
      ]),
    ).toBe('UNBALANCED_GROUP');
    expect(await ask([[1, '5']])).toBe('UNBALANCED_GROUP');
    // The other leg gives back as much as this one settles.
    expect(await ask([[1, '10']])).toBe('UNBALANCED_GROUP');
    expect(await ask([])).toBe('UNBALANCED_GROUP');
    expect(
      await ask([
        [1, '0.001'],
        [2, '0.001'],
      ]),
    ).toBe('INVALID_AMOUNT');
    expect(await codeOf(settle(db, settleInput(await hold(db, []))))).toBe('UNBALANCED_GROUP');
    const onlyCredit = await hold(db, [credit(a, '1')]);
    expect(await codeOf(settle(db, settleInput(onlyCredit)))).toBe('UNBALANCED_GROUP');
    expect(await amounts(db, a)).toEqual(['0', '1', '10']);
    expect((await rowsOf(db, group)).length).toBe(2);
  });

  it('tells a refusal without storing it where it shall not be frozen', async () => {
    const [a, b] = [await walletWith(db, '5'), await walletWith(db, '0')];
    const group = await hold(db, [debit(a, '5')]);
    const signal = { ...settleInput(group), stepKey: '~signal:settle', freeze: false };
    expect(await settle(db, signal)).toMatchObject({
      outcome: 'refused',
      frozen: false,
      group: { id: group, status: 'IN_PROGRESS' },
    });
    await done(addLegs(db, { ...step('addLegs', group), legs: [credit(b, '5')] }));
    expect((await done(settle(db, signal))).groupStatus).toBe('SETTLED');
  });

  it('answers not_found for a group that is not there, and stores nothing', async () => {
    const input = settleInput('transfer:shop:nowhere');
    expect(await settle(db, input)).toEqual({ outcome: 'not_found' });
    expect(await replay(db, 'settle', input)).toBeNull();
  });
});

describe('addLegs', () => {
  it('numbers on from the last leg, all of them or none', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const group = await hold(db, [debit(a, '9')]);
    const two = await done(
      addLegs(db, { ...step('addLegs', group), legs: [credit(b, '4'), credit(b, '5')] }),
    );
    expect(two.group.legs.map(({ leg, amount }) => [leg, amount])).toEqual([
      [1, '9'],
      [2, '4'],
      [3, '5'],
    ]);
    const tooMuch = { ...step('addLegs', group), legs: [credit(b, '2'), debit(a, '2')] };
    expect(await codeOf(addLegs(db, tooMuch))).toBe('INSUFFICIENT_FUNDS');
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['1', '0', '9'],
      ['0', '9', '0'],
    ]);
    expect((await readGroup(db, group))?.status).toBe('IN_PROGRESS');
    const system = { ...step('addLegs', group), legs: [credit('fees:USD', '1')] };
    expect(await addLegs(db, system)).toMatchObject({
      refusal: { code: 'FORBIDDEN' },
      frozen: false,
    });
    const admin = { name: 'shop', admin: true };
    expect(await codeOf(addLegs(db, { ...system, actor: admin }))).toBe('done');
  });

  it('takes no more legs than the saga of a group can bear', async () => {
    const most = 2_000;
    const a = await walletWith(db, String(most));
    const group = await hold(db, []);
    const ask = (count: number, key?: string) => {
      const legs = Array.from({ length: count }, () => debit(a, '1'));
      return addLegs(db, { ...step('addLegs', group, key), legs });
    };
    for (const count of [1_000, 999]) await done(ask(count));
    expect(await ask(2, 'too many')).toMatchObject({
      refusal: {
        code: 'INVALID_REQUEST',
        detail: 'A group has at most 2000 legs; this one has 1999, and 2 are asked.',
      },
      frozen: false,
    });
    expect((await done(ask(1, 'too many'))).group.legs).toHaveLength(most);
  });
});

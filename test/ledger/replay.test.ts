import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { replay } from '../../src/ledger/replay.ts';
import { settle } from '../../src/ledger/settle.ts';
import { tombstone } from '../../src/ledger/tombstone.ts';
import {
  amounts,
  codeOf,
  createWorld,
  credit,
  debit,
  done,
  hold,
  rowsOf,
  step,
  transferInput,
  unique,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

describe('the same key', () => {
  it('gives the first answer for ever, also when the group has moved on', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const input = transferInput([debit(a, '10'), credit(b, '10')]);
    expect(await replay(db, 'openTransfer', input)).toBeNull();
    const first = await openTransfer(db, input);
    await done(settle(db, { ...step('settle', input.groupId), legs: null, final: true }));
    const again = { ...first, replayed: true };
    expect(await openTransfer(db, input)).toEqual(again);
    expect(await replay(db, 'openTransfer', input)).toEqual(again);
    const spelled = transferInput([debit(a, '10.00'), credit(b, '10.0')], {
      key: input.stepKey.split(':')[2] ?? '',
    });
    expect(await openTransfer(db, spelled)).toEqual(again);
  });

  it('finds the hold that took the last coin, not the lack of funds', async () => {
    const a = await walletWith(db, '10');
    const input = transferInput([debit(a, '10')]);
    await done(openTransfer(db, input));
    expect((await done(openTransfer(db, input))).replayed).toBe(true);
    expect(await amounts(db, a)).toEqual(['0', '0', '10']);
  });

  it('is another request where a field differs, and the stored one is told', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const input = transferInput([debit(a, '10'), credit(b, '10')]);
    await done(openTransfer(db, input));
    for (const other of [
      { ...input, legs: [debit(a, '9'), credit(b, '9')] },
      { ...input, legs: [debit(b, '10'), credit(a, '10')] },
      { ...input, legs: [{ ...debit(a, '10'), asset: 'EUR' }, credit(b, '10')] },
      { ...input, metadata: { a: 1 } },
      { ...input, expiresIn: 3601 },
    ]) {
      expect(await openTransfer(db, other)).toMatchObject({
        outcome: 'key_reused',
        groupStatus: 'IN_PROGRESS',
        stored: {
          legs: [
            { amount: '10', wallet: a },
            { amount: '10', wallet: b },
          ],
        },
      });
    }
    expect((await rowsOf(db, input.groupId)).length).toBe(2);
  });

  it('25 times at once has one effect and one answer', async () => {
    const [a, b] = [await walletWith(db, '100'), await walletWith(db, '0')];
    const input = transferInput([debit(a, '10'), credit(b, '10')], { settle: 'immediate' });
    const answers = await Promise.all(Array.from({ length: 25 }, () => openTransfer(db, input)));
    const fresh = answers.filter((answer) => answer.outcome === 'done' && !answer.replayed);
    expect(fresh.length).toBe(1);
    for (const answer of answers)
      expect(answer).toEqual({ ...fresh[0], replayed: answer !== fresh[0] });
    expect(await amounts(db, a)).toEqual(['90', '0', '0']);
    expect((await rowsOf(db, input.groupId)).length).toBe(4);
  });

  it('of a refused act stays refused when the act would now succeed', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const group = await hold(db, [debit(a, '10'), credit(b, '10')]);
    const tooMuch = {
      ...step('settle', group),
      legs: [
        { leg: 1, amount: '11' },
        { leg: 2, amount: '11' },
      ],
      final: true,
    };
    const first = await settle(db, tooMuch);
    expect(first).toMatchObject({ frozen: true, refusal: { code: 'AMOUNT_EXCEEDS_HELD' } });
    expect(await settle(db, tooMuch)).toEqual({ ...first, replayed: true });
    expect(await settle(db, { ...tooMuch, legs: null })).toMatchObject({ outcome: 'key_reused' });
  });

  it('of a refused settlement stays refused when its group has become a pair', async () => {
    const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
    const group = await hold(db, [debit(a, '10')]);
    const input = { ...step('settle', group), legs: null, final: true };
    const first = await settle(db, input);
    expect(first).toMatchObject({ frozen: true, refusal: { code: 'UNBALANCED_GROUP' } });
    await done(addLegs(db, { ...step('addLegs', group), legs: [credit(b, '10')] }));
    expect(await settle(db, input)).toEqual({ ...first, replayed: true });
    expect(await amounts(db, a)).toEqual(['0', '0', '10']);
  });
});

describe('tombstone', () => {
  const tombstoneInput = (group: string) => ({
    ...step('cancel', group),
    kind: 'transfer' as const,
    client: 'shop',
    reason: 'the saga was terminated',
  });

  it('lets a hold that comes late find its group finished', async () => {
    const a = await walletWith(db, '10');
    const input = transferInput([debit(a, '10')]);
    const { group } = await done(tombstone(db, tombstoneInput(input.groupId)));
    expect(group).toMatchObject({
      status: 'CANCELLED',
      reason: 'the saga was terminated',
      legs: [],
    });
    expect(await codeOf(openTransfer(db, input))).toBe('GROUP_NOT_OPEN');
    expect(await amounts(db, a)).toEqual(['10', '0', '0']);
  });

  it('cancels a transfer that is open, and is refused by one that is finished', async () => {
    const a = await walletWith(db, '10');
    const group = await hold(db, [debit(a, '10')]);
    const input = tombstoneInput(group);
    expect((await done(tombstone(db, input))).groupStatus).toBe('CANCELLED');
    expect((await done(tombstone(db, input))).replayed).toBe(true);
    expect(await amounts(db, a)).toEqual(['10', '0', '0']);
    expect(await codeOf(tombstone(db, tombstoneInput(group)))).toBe('GROUP_NOT_OPEN');
  });

  it('and a hold at the same time: one of them wins, and nothing stays held', async () => {
    const a = await walletWith(db, '10');
    for (let round = 0; round < 10; round++) {
      const input = transferInput([debit(a, '10')], { key: unique('race') });
      const [opened] = await Promise.all([
        openTransfer(db, input),
        tombstone(db, tombstoneInput(input.groupId)),
      ]);
      expect(['done', 'refused']).toContain(opened.outcome);
      expect(await amounts(db, a)).toEqual(['10', '0', '0']);
    }
  });
});

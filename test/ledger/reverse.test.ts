import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { reversalId } from '../../src/contracts/ids.ts';
import type { Pool } from '../../src/db/pool.ts';
import { audit } from '../../src/ledger/audit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { reverse } from '../../src/ledger/reverse.ts';
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

/** Far more than a step takes. */
const LATE_MS = 500;

let db: Pool;
beforeAll(async () => {
  ({ db } = await createWorld());
});

function reverseInput(
  reverses: string,
  how: { amount?: string; legs?: { leg: number; amount: string }[] } = {},
  key = unique('key'),
) {
  const id = reversalId(reverses, 'shop', key);
  return {
    ...step('create', id, key),
    reverses,
    client: 'shop',
    amount: how.amount ?? null,
    legs: how.legs ?? null,
    reason: 'sent twice',
    acceptBy: null,
  };
}

async function settledPair(amount: string) {
  const [a, b] = [await walletWith(db, amount), await walletWith(db, '0')];
  const input = transferInput([debit(a, amount), credit(b, amount)], { settle: 'immediate' });
  await done(openTransfer(db, input));
  return { a, b, group: input.groupId };
}

describe('reverse', () => {
  it('books the opposite in a group of its own, linked', async () => {
    const { a, b, group } = await settledPair('10');
    const { group: back } = await done(reverse(db, reverseInput(group)));
    expect(back).toMatchObject({ kind: 'reversal', status: 'SETTLED', reverses: group });
    expect(back.legs.map(({ wallet, type, settled }) => [wallet, type, settled])).toEqual([
      [a, 'CREDIT', '10'],
      [b, 'DEBIT', '10'],
    ]);
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['10', '0', '0'],
      ['0', '0', '0'],
    ]);
    expect((await rowsOf(db, group)).length).toBe(4);
    expect((await audit(db)).faults).toEqual([]);
  });

  it('never takes back more than settled in all, and says so before funds', async () => {
    const { a, b, group } = await settledPair('10');
    await done(reverse(db, reverseInput(group, { amount: '6' })));
    expect(await codeOf(reverse(db, reverseInput(group, { amount: '5' })))).toBe(
      'REVERSAL_EXCEEDS_SETTLED',
    );
    await done(reverse(db, reverseInput(group)));
    expect(await amounts(db, a)).toEqual(['10', '0', '0']);
    expect(await amounts(db, b)).toEqual(['0', '0', '0']);
    expect(await codeOf(reverse(db, reverseInput(group)))).toBe('REVERSAL_EXCEEDS_SETTLED');
  });

  it('waits for another one of the same group, and finds what that left', async () => {
    const { b, group } = await settledPair('10');
    // There is enough money for both.
    const more = await settledPair('10');
    const legs = [debit(more.b, '10'), credit(b, '10')];
    await done(openTransfer(db, transferInput(legs, { settle: 'immediate' })));
    const first = await db.connect();
    onTestFinished(() => first.release(true));
    await first.query('begin');
    await done(reverse(first, reverseInput(group, { amount: '6' })));
    const second = codeOf(reverse(db, reverseInput(group, { amount: '6' })));
    const late = new Promise((resolve) => setTimeout(resolve, LATE_MS, 'it waits'));
    expect(await Promise.race([second, late])).toBe('it waits');
    await first.query('commit');
    expect(await second).toBe('REVERSAL_EXCEEDS_SETTLED');
    expect(await amounts(db, b)).toEqual(['14', '0', '0']);
  });

  it('is refused where the receiver has spent it', async () => {
    const { b, group } = await settledPair('10');
    await hold(db, [debit(b, '1')]);
    expect(await codeOf(reverse(db, reverseInput(group)))).toBe('INSUFFICIENT_FUNDS');
    await done(reverse(db, reverseInput(group, { amount: '9' })));
  });

  it('takes parts of named legs that sum to zero', async () => {
    const [a, b, c] = [
      await walletWith(db, '10'),
      await walletWith(db, '0'),
      await walletWith(db, '0'),
    ];
    const input = transferInput([debit(a, '10'), credit(b, '6'), credit(c, '4')], {
      settle: 'immediate',
    });
    await done(openTransfer(db, input));
    const group = input.groupId;
    const part = (...legs: [number, string][]) =>
      reverse(db, reverseInput(group, { legs: legs.map(([leg, amount]) => ({ leg, amount })) }));
    expect(await codeOf(part([1, '4'], [3, '3']))).toBe('UNBALANCED_GROUP');
    expect(await codeOf(part([1, '5'], [3, '5']))).toBe('REVERSAL_EXCEEDS_SETTLED');
    await done(part([3, '4'], [1, '4']));
    expect(await amounts(db, a)).toEqual(['4', '0', '0']);
    expect(await reverse(db, reverseInput(group, { amount: '1' }))).toMatchObject({
      refusal: { code: 'INVALID_REQUEST' },
      frozen: false,
    });
    expect(await part([1, '0.001'], [3, '99']), 'a fault of the request').toMatchObject({
      refusal: { code: 'INVALID_AMOUNT' },
      frozen: false,
    });
  });

  it('needs a group of which something settled, and one that is there', async () => {
    const group = await hold(db, [debit(await walletWith(db, '1'), '1')]);
    expect(await codeOf(reverse(db, reverseInput(group)))).toBe('GROUP_NOT_SETTLED');
    const { group: settled } = await settledPair('1');
    const { group: back } = await done(reverse(db, reverseInput(settled)));
    expect(await codeOf(reverse(db, reverseInput(back.id)))).toBe('WRONG_KIND');
    expect(await reverse(db, reverseInput('transfer:shop:nowhere'))).toEqual({
      outcome: 'not_found',
    });
  });

  it('of what a wallet of the system got or gave is for an admin', async () => {
    const a = await walletWith(db, '5');
    const admin = { name: 'shop', admin: true };
    const input = transferInput([debit(a, '5'), credit('fees:USD', '5')], { settle: 'immediate' });
    await done(openTransfer(db, { ...input, actor: admin }));
    const back = reverseInput(input.groupId);
    expect(await reverse(db, back)).toMatchObject({
      refusal: { code: 'FORBIDDEN' },
      frozen: false,
    });
    await done(reverse(db, { ...back, actor: admin }));
    expect(await amounts(db, a)).toEqual(['5', '0', '0']);
  });

  it('at once from many sides stays within what settled', async () => {
    const { a, b, group } = await settledPair('10');
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => codeOf(reverse(db, reverseInput(group, { amount: '3' })))),
    );
    expect(answers.filter((answer) => answer === 'done').length).toBe(3);
    expect([await amounts(db, a), await amounts(db, b)]).toEqual([
      ['9', '0', '0'],
      ['1', '0', '0'],
    ]);
  });

  it('replays under its key', async () => {
    const { a, group } = await settledPair('10');
    const input = reverseInput(group, { amount: '2.50' });
    const first = await reverse(db, input);
    expect(await reverse(db, { ...input, amount: '2.5' })).toEqual({ ...first, replayed: true });
    expect(await reverse(db, { ...input, amount: '2' })).toMatchObject({ outcome: 'key_reused' });
    expect(await amounts(db, a)).toEqual(['2.5', '0', '0']);
  });
});

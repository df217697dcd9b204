import { expect } from 'vitest';
import { createWallets, done, move, parts, rows, type Scenarios } from './story.ts';

/** 38 digits before the point and 18 after it. */
const LARGEST = '12345678901234567890123456789012345678.123456789012345678';
const SMALLEST = '0.000000000000000001';

/** Amounts are exact, however long or short they are. */
export const numbers: Scenarios = {
  '38 integer digits and 18 decimals go in and come out as they were': async (on) => {
    const [wallet, other] = await createWallets(on, [LARGEST, '0'], { scale: 18 });
    expect(await parts(on, wallet)).toEqual([LARGEST, '0', '0']);
    const { id } = done(await on.hold(move(wallet, other, LARGEST)));
    expect(await parts(on, wallet)).toEqual(['0', '0', LARGEST]);
    expect(await parts(on, other)).toEqual(['0', LARGEST, '0']);
    const part = [1, 2].map((leg) => ({ leg, amount: SMALLEST }));
    done(await on.settle(id, { legs: part, final: false }));
    expect(await parts(on, other)).toEqual([
      SMALLEST,
      '12345678901234567890123456789012345678.123456789012345677',
      '0',
    ]);
    const { legs } = done(await on.settle(id));
    expect(legs).toMatchObject([{ settled: LARGEST, remaining: '0' }, { amount: LARGEST }]);
    expect(await rows(on, id)).toContain(`HOLD DEBIT -${LARGEST}`);
    expect(await parts(on, other)).toEqual([LARGEST, '0', '0']);
  },

  'sums may have more digits than any amount': async (on) => {
    const nines = '9'.repeat(38);
    const [wallet, other, sum] = await createWallets(on, [nines, nines, '0'], { scale: 0 });
    done(await on.transfer([...move(wallet, sum, nines), ...move(other, sum, nines)]));
    expect(await parts(on, sum)).toEqual([`1${'9'.repeat(37)}8`, '0', '0']);
  },

  'the last unit is what decides': async (on) => {
    const [wallet, other] = await createWallets(on, ['1', '0'], { scale: 18 });
    const beyond = await on.transfer(move(wallet, other, '1.000000000000000001'));
    expect(beyond.outcome).toBe('INSUFFICIENT_FUNDS');
    done(await on.transfer(move(wallet, other, '0.999999999999999999')));
    expect(await parts(on, wallet)).toEqual([SMALLEST, '0', '0']);
    expect((await on.transfer(move(wallet, other, '0.000000000000000002'))).outcome).toBe(
      'INSUFFICIENT_FUNDS',
    );
    done(await on.transfer(move(wallet, other, SMALLEST)));
    expect(await parts(on, other)).toEqual(['1', '0', '0']);
  },

  'more decimals than the asset has are refused on every path, and trailing zeros are none': async (
    on,
  ) => {
    const [wallet, other] = await createWallets(on, ['10', '0']);
    const open = done(await on.hold(move(wallet, other, '1')));
    const deposit = done(await on.deposit(wallet, '1'));
    const out = done(await on.withdraw(wallet, '1'));
    const paid = done(await on.transfer(move(wallet, other, '1.000')));
    const legs = [1, 2].map((leg) => ({ leg, amount: '0.001' }));
    const refused = [
      await on.transfer(move(wallet, other, '0.001')),
      await on.hold(move(wallet, other, '0.001')),
      await on.addLegs(open.id, move(wallet, other, '0.001')),
      await on.settle(open.id, { legs }),
      await on.deposit(wallet, '0.001'),
      await on.confirm(deposit.id, { amount: '0.001' }),
      await on.withdraw(wallet, '0.001'),
      await on.finalize(out.id, { amount: '0.001' }),
      await on.releaseWithdrawal(out.id, 'a crumb', { amount: '0.001' }),
      await on.reverse(paid.id, 'a crumb', { amount: '0.001' }),
      await on.reverse(paid.id, 'a crumb', { legs }),
    ];
    expect(refused.map(({ outcome }) => outcome)).toEqual(refused.map(() => 'INVALID_AMOUNT'));
    expect(await parts(on, wallet)).toEqual(['7', '1', '2']);
  },
};

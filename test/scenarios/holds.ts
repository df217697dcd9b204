import { expect } from 'vitest';
import { createWallets, done, move, parts, type Scenarios, tally } from './story.ts';

/** Several holds on one wallet, each with an end of its own. */
export const holds: Scenarios = {
  'two holds on 100000: one is settled, one is cancelled': async (on) => {
    const [wallet, other] = await createWallets(on, ['100000', '0']);
    const first = done(await on.hold(move(wallet, other, '30000')));
    expect(await on.balance(wallet)).toEqual({
      settled: '100000',
      available: '70000',
      held: '30000',
      pendingIn: '0',
    });
    const second = done(await on.hold(move(wallet, other, '20000')));
    expect(await on.balance(wallet)).toMatchObject({ available: '50000', held: '50000' });
    done(await on.settle(first.id));
    expect(await on.balance(wallet)).toMatchObject({
      settled: '70000',
      available: '50000',
      held: '20000',
    });
    done(await on.cancel(second.id, 'changed their mind'));
    expect(await on.balance(wallet)).toMatchObject({
      settled: '70000',
      available: '70000',
      held: '0',
    });
    expect(await parts(on, other)).toEqual(['30000', '0', '0']);
  },

  'two holds of 60000 on 100000 at once: exactly one': async (on) => {
    for (let round = 1; round <= 5; round++) {
      const [wallet, other] = await createWallets(on, ['100000', '0']);
      const racing = [1, 2].map(() => on.hold(move(wallet, other, '60000')));
      expect(tally(await Promise.all(racing))).toEqual({ done: 1, INSUFFICIENT_FUNDS: 1 });
      expect(await parts(on, wallet)).toEqual(['40000', '0', '60000']);
    }
  },

  'a payroll of 999 lines is one group: held, paid in part, given back in part': async (on) => {
    const [payer, ...staff] = await createWallets(on, ['2000', ...Array<string>(9).fill('0')]);
    const lines = Array.from({ length: 999 }, (_, line) => staff[line % staff.length]!);
    const { id } = done(
      await on.hold([
        { wallet: payer!, type: 'DEBIT', amount: '1998' },
        ...lines.map((wallet) => ({ wallet, type: 'CREDIT' as const, amount: '2' })),
      ]),
    );
    expect(await parts(on, payer)).toEqual(['2', '0', '1998']);
    const half = lines.map((_, line) => ({ leg: line + 2, amount: '1' }));
    done(await on.settle(id, { legs: [{ leg: 1, amount: '999' }, ...half], final: true }));
    expect(await parts(on, payer)).toEqual(['1001', '0', '0']);
    for (const wallet of staff) expect(await parts(on, wallet)).toEqual(['111', '0', '0']);
  },

  'transfers that cross each other at once all go through': async (on) => {
    const [a, b, c] = await createWallets(on, ['100', '100', '100']);
    const ring = [move(a, b, '1'), move(b, c, '1'), move(c, a, '1'), move(b, a, '2')];
    const racing = Array.from({ length: 24 }, (_, at) => on.transfer(ring[at % 4]!));
    expect(tally(await Promise.all(racing))).toEqual({ done: 24 });
    expect(await on.balance(a)).toMatchObject({ available: '112', held: '0', pendingIn: '0' });
    expect(await on.balance(b)).toMatchObject({ available: '88', held: '0', pendingIn: '0' });
    expect(await on.balance(c)).toMatchObject({ available: '100', held: '0', pendingIn: '0' });
  },

  'a hold is settled in three captures, and the rest is released with the last': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const { id } = done(await on.hold(move(wallet, other, '50')));
    const capture = (amount: string, final: boolean) =>
      on.settle(id, {
        legs: [
          { leg: 1, amount },
          { leg: 2, amount },
        ],
        final,
      });
    expect(done(await capture('10', false)).status).toBe('IN_PROGRESS');
    expect(await parts(on, wallet)).toEqual(['50', '0', '40']);
    expect(done(await capture('5.5', false)).status).toBe('IN_PROGRESS');
    expect((await capture('34.51', false)).outcome).toBe('AMOUNT_EXCEEDS_HELD');
    const end = done(await capture('4.5', true));
    expect(end).toMatchObject({ status: 'SETTLED', legs: [{ settled: '20' }, { settled: '20' }] });
    expect(await parts(on, wallet)).toEqual(['80', '0', '0']);
    expect(await parts(on, other)).toEqual(['20', '0', '0']);
  },

  'a frozen wallet refuses new holds, gets money, and ends the holds that it has': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '100']);
    const { id } = done(await on.hold(move(wallet, other, '30')));
    expect(await on.setStatus(wallet, 'freeze')).toBe('done');
    expect((await on.hold(move(wallet, other, '1'))).outcome).toBe('WALLET_NOT_OPEN');
    expect((await on.withdraw(wallet, '1')).outcome).toBe('WALLET_NOT_OPEN');
    done(await on.transfer(move(other, wallet, '5')));
    done(await on.settle(id));
    expect(await parts(on, wallet)).toEqual(['75', '0', '0']);
    expect(await on.setStatus(wallet, 'unfreeze')).toBe('done');
    done(await on.transfer(move(wallet, other, '75')));
    expect(await on.setStatus(wallet, 'close')).toBe('done');
    expect((await on.transfer(move(other, wallet, '1'))).outcome).toBe('WALLET_NOT_OPEN');
    expect(await on.setStatus(other, 'close')).toBe('WALLET_NOT_EMPTY');
  },
};

/** Deposits pending and confirmed, holds finalized and released: (available, pendingIn, held). */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { addAmounts, negateAmount } from '../../src/contracts/amounts.ts';
import type { Amount, Entry } from '../../src/contracts/resources.ts';
import { listWalletEntries } from '../../src/ledger/entries.ts';
import type { Driver, Result } from './driver.ts';
import { createWallets, done, move, parts, rows, type Scenarios, tally } from './story.ts';

export const balanceModule: Scenarios = {
  'a deposit of 100 is pending, then confirmed': async (on) => {
    const [wallet] = await createWallets(on, ['0']);
    const { id, status } = done(await on.deposit(wallet, '100'));
    expect(status).toBe('IN_PROGRESS');
    expect(await parts(on, wallet)).toEqual(['0', '100', '0']);
    expect(done(await on.confirm(id)).status).toBe('SETTLED');
    expect(await parts(on, wallet)).toEqual(['100', '0', '0']);
  },

  'more than is pending is not confirmed': async (on) => {
    const [wallet] = await createWallets(on, ['0']);
    const { id } = done(await on.deposit(wallet, '100'));
    expect((await on.confirm(id, { amount: '101' })).outcome).toBe('AMOUNT_EXCEEDS_HELD');
    expect(await parts(on, wallet)).toEqual(['0', '100', '0']);
    expect(await rows(on, id)).toHaveLength(2);
  },

  'a part of 40 is confirmed and the rest stays pending, until it is confirmed too': async (on) => {
    const [wallet] = await createWallets(on, ['0']);
    const { id } = done(await on.deposit(wallet, '100'));
    const part = done(await on.confirm(id, { amount: '40' }));
    expect(part).toMatchObject({
      status: 'IN_PROGRESS',
      legs: [{}, { settled: '40', remaining: '60' }],
    });
    expect(await parts(on, wallet)).toEqual(['40', '60', '0']);
    expect(done(await on.confirm(id, { amount: '60' })).status).toBe('SETTLED');
    expect(await parts(on, wallet)).toEqual(['100', '0', '0']);
  },

  'a part of 40 is confirmed for good, and what is left is pending no more': async (on) => {
    const [wallet] = await createWallets(on, ['0']);
    const { id } = done(await on.deposit(wallet, '100'));
    expect(done(await on.confirm(id, { amount: '40', final: true })).status).toBe('SETTLED');
    expect(await parts(on, wallet)).toEqual(['40', '0', '0']);
  },

  'a deposit that did not come is cancelled': async (on) => {
    const [wallet] = await createWallets(on, ['0']);
    const { id } = done(await on.deposit(wallet, '100'));
    expect(done(await on.cancelDeposit(id, 'bounced')).status).toBe('CANCELLED');
    expect(await parts(on, wallet)).toEqual(['0', '0', '0']);
    expect((await on.confirm(id)).outcome).toBe('GROUP_NOT_OPEN');
  },

  '60 of 100 are held, then finalized': async (on) => {
    const [wallet] = await createWallets(on, ['100']);
    const { id } = done(await on.withdraw(wallet, '60'));
    expect(await parts(on, wallet)).toEqual(['40', '0', '60']);
    expect(done(await on.finalize(id))).toMatchObject({
      status: 'SETTLED',
      withdrawal: { state: 'settled' },
    });
    expect(await parts(on, wallet)).toEqual(['40', '0', '0']);
  },

  '60 of 100 are held, then released with a reason': async (on) => {
    const [wallet] = await createWallets(on, ['100']);
    const { id } = done(await on.withdraw(wallet, '60'));
    const released = done(await on.releaseWithdrawal(id, 'bank refused'));
    expect(released).toMatchObject({ status: 'RELEASED', reason: 'bank refused' });
    expect(await parts(on, wallet)).toEqual(['100', '0', '0']);
  },

  '101 of 100 are not held': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const asked = randomUUID();
    expect((await on.withdraw(wallet, '101', { key: asked })).outcome).toBe('INSUFFICIENT_FUNDS');
    expect((await on.hold(move(wallet, other, '101'))).outcome).toBe('INSUFFICIENT_FUNDS');
    expect(await parts(on, wallet)).toEqual(['100', '0', '0']);
    const left = await on.group(`withdrawal:shop:${asked}`);
    expect(left).toMatchObject({ status: 'CANCELLED', reason: 'INSUFFICIENT_FUNDS', legs: [] });
    expect(await rows(on, left.id)).toEqual([]);
  },

  'pending money cannot be held': async (on) => {
    const [wallet] = await createWallets(on, ['5']);
    done(await on.deposit(wallet, '100'));
    expect((await on.withdraw(wallet, '6')).outcome).toBe('INSUFFICIENT_FUNDS');
    expect(await parts(on, wallet)).toEqual(['5', '100', '0']);
  },

  'a hold gives no more than it has, and no other hold pays for it': async (on) => {
    const [wallet] = await createWallets(on, ['100']);
    const first = done(await on.withdraw(wallet, '60'));
    const second = done(await on.withdraw(wallet, '30'));
    for (const refused of [
      await on.finalize(first.id, { amount: '61' }),
      await on.releaseWithdrawal(first.id, 'too much', { amount: '61' }),
    ]) {
      expect(refused.outcome).toBe('AMOUNT_EXCEEDS_HELD');
    }
    expect(await parts(on, wallet)).toEqual(['10', '0', '90']);
    expect((await on.group(second.id)).legs[0]).toMatchObject({ remaining: '30', settled: '0' });
    done(await on.finalize(second.id));
    expect(await parts(on, wallet)).toEqual(['10', '0', '60']);
  },

  'a hold is finalized in a part and released in another': async (on) => {
    const [wallet] = await createWallets(on, ['100']);
    const { id } = done(await on.withdraw(wallet, '60'));
    done(await on.finalize(id, { amount: '25' }));
    expect(await parts(on, wallet)).toEqual(['40', '0', '35']);
    done(await on.releaseWithdrawal(id, 'less was needed', { amount: '10' }));
    expect(await parts(on, wallet)).toEqual(['50', '0', '25']);
    expect(done(await on.finalize(id)).status).toBe('SETTLED');
    expect(await parts(on, wallet)).toEqual(['50', '0', '0']);
  },

  'each operation repeated with its key takes effect once and answers the same': async (on) => {
    const [wallet] = await createWallets(on, ['100']);
    const opened: string[] = [];
    const first = await once(on, wallet, (key) => on.deposit(wallet, '40', { key }));
    await once(on, wallet, (key) => on.confirm(first.id, { key, amount: '10' }));
    await once(on, wallet, (key) => on.confirm(first.id, { key }));
    const second = await once(on, wallet, (key) => on.deposit(wallet, '7', { key }));
    await once(on, wallet, (key) => on.cancelDeposit(second.id, 'bounced', { key }));
    const third = await once(on, wallet, (key) => on.withdraw(wallet, '60', { key }));
    await once(on, wallet, (key) => on.finalize(third.id, { key, amount: '20' }));
    await once(on, wallet, (key) => on.releaseWithdrawal(third.id, 'rest', { key }));
    opened.push(first.id, second.id, third.id);
    expect(await parts(on, wallet)).toEqual(['120', '0', '0']);
    const written = await Promise.all(opened.map(async (id) => (await rows(on, id)).length));
    expect(written).toEqual([6, 4, 6]);
  },

  'a day has a limit: what is under way counts, what was released does not': async (on) => {
    const asset = await on.createAsset();
    const owner = randomUUID();
    const [wallet, other] = [
      await on.createWallet({ asset, owner }),
      await on.createWallet({ asset, owner }),
    ];
    for (const to of [wallet, other]) {
      done(await on.asAdmin().transfer(move(`external:${asset}`, to, '1000')));
    }
    await on.setLimit({
      id: owner,
      asset,
      owner,
      window: 'day',
      amount: '100',
      kinds: ['withdrawal'],
    });
    const first = done(await on.withdraw(wallet, '60'));
    expect((await on.withdraw(other, '40.01')).outcome, 'one owner').toBe('LIMIT_EXCEEDED');
    done(await on.finalize(first.id, { amount: '10' }));
    expect((await on.withdraw(wallet, '40.01')).outcome, 'settled counts').toBe('LIMIT_EXCEEDED');
    done(await on.releaseWithdrawal(first.id, 'not needed'));
    expect((await on.withdraw(wallet, '90.01')).outcome, '10 went out').toBe('LIMIT_EXCEEDED');
    done(await on.withdraw(other, '90'));
    expect((await on.withdraw(wallet, '0.01')).outcome).toBe('LIMIT_EXCEEDED');
    done(await on.transfer(move(wallet, other, '500')));
  },

  'a limit holds when withdrawals from two wallets of its owner race': async (on) => {
    const asset = await on.createAsset();
    const owner = randomUUID();
    const wallets = [
      await on.createWallet({ asset, owner }),
      await on.createWallet({ asset, owner }),
    ];
    for (const to of wallets) {
      done(await on.asAdmin().transfer(move(`external:${asset}`, to, '1000')));
    }
    await on.setLimit({
      id: owner,
      asset,
      owner,
      window: 'day',
      amount: '100',
      kinds: ['withdrawal'],
    });
    const racing = Array.from({ length: 12 }, (_, at) => on.withdraw(wallets[at % 2]!, '30'));
    expect(tally(await Promise.all(racing))).toEqual({ done: 3, LIMIT_EXCEEDED: 9 });
  },

  'the journal told again gives the balances': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '20']);
    const deposit = done(await on.deposit(wallet, '33.33'));
    done(await on.confirm(deposit.id, { amount: '3.03' }));
    const out = done(await on.withdraw(wallet, '60'));
    done(await on.finalize(out.id, { amount: '0.07' }));
    const held = done(await on.hold(move(wallet, other, '12.5')));
    done(
      await on.settle(held.id, {
        legs: [
          { leg: 1, amount: '2' },
          { leg: 2, amount: '2' },
        ],
        final: false,
      }),
    );
    const given = done(await on.hold(move(other, wallet, '9.99')));
    done(await on.release(given.id, 'disputed'));
    for (const each of [wallet, other]) {
      const { data } = await listWalletEntries(on.db.pool, each, {}, { limit: 200 });
      expect(toldAgain(data)).toEqual(await on.balance(each));
    }
    expect(await parts(on, wallet)).toEqual(['30.53', '30.3', '70.43']);
  },

  'twenty holds of 10 on 100 at once: exactly ten': async (on) => {
    const [wallet] = await createWallets(on, ['100']);
    const racing = Array.from({ length: 20 }, () => on.withdraw(wallet, '10'));
    expect(tally(await Promise.all(racing))).toEqual({ done: 10, INSUFFICIENT_FUNDS: 10 });
    expect(await parts(on, wallet)).toEqual(['0', '0', '100']);
  },

  'the first two operations of a new wallet at once both apply': async (on) => {
    for (let round = 1; round <= 5; round++) {
      const [wallet, rich] = await createWallets(on, ['0', '10']);
      const results = await Promise.all([
        on.deposit(wallet, '3'),
        on.transfer(move(rich, wallet, '4')),
      ]);
      expect(tally(results)).toEqual({ done: 2 });
      expect(await parts(on, wallet)).toEqual(['4', '3', '0']);
    }
  },
};

/** Does it twice under one key: the second time nothing moves, and the answer is the first one. */
async function once(on: Driver, wallet: string, act: (key: string) => Promise<Result>) {
  const key = randomUUID();
  const first = await act(key);
  const after = await on.balance(wallet);
  const second = await act(key);
  expect(second).toEqual({ ...first, replayed: true });
  expect(await on.balance(wallet)).toEqual(after);
  return done(first);
}

/** A balance from nothing but rows, by the meaning of the words. */
function toldAgain(entries: Entry[]) {
  const sums = { settled: '0', held: '0', pendingIn: '0' };
  const add = (to: keyof typeof sums, amount: Amount) => {
    sums[to] = addAmounts(sums[to], amount);
  };
  for (const { status, type, amount } of entries) {
    if (status === 'SETTLED') add('settled', amount);
    const ended = status !== 'HOLD';
    const ofDebit = (status === 'RELEASED' || status === 'CANCELLED') !== (type === 'DEBIT');
    if (ofDebit) add('held', ended ? negateAmount(sizeOf(amount)) : sizeOf(amount));
    else add('pendingIn', ended ? negateAmount(sizeOf(amount)) : sizeOf(amount));
  }
  return { ...sums, available: addAmounts(sums.settled, negateAmount(sums.held)) };
}

const sizeOf = (amount: Amount) => amount.replace('-', '');

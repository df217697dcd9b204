import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Group } from '../../src/contracts/resources.ts';
import type { Driver, Result } from './driver.ts';
import {
  available,
  createWallets,
  credit,
  debit,
  done,
  move,
  parts,
  rows,
  type Scenarios,
  tally,
} from './story.ts';

/** What may follow what: a finished group never moves again, and every race has one winner. */
export const states: Scenarios = {
  'a finished group takes no act, whatever finished it': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const ends: ((id: string) => Promise<Result>)[] = [
      (id) => on.settle(id),
      (id) => on.release(id, 'disputed'),
      (id) => on.cancel(id, 'changed their mind'),
    ];
    for (const end of ends) {
      const { id } = done(await on.hold(move(wallet, other, '10')));
      const finished = done(await end(id));
      const written = await rows(on, id);
      const balances = await available(on, wallet, other);
      for (const refused of await everyAct(on, id, wallet)) {
        expect(refused.outcome).toBe('GROUP_NOT_OPEN');
        expect(refused.detail).toContain(finished.status);
      }
      expect(await rows(on, id)).toEqual(written);
      expect(await available(on, wallet, other)).toEqual(balances);
      expect(await on.group(id)).toEqual(finished);
    }
  },

  'an immediate transfer is finished from its first moment': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const { id } = done(await on.transfer(move(wallet, other, '10')));
    expect(tally(await everyAct(on, id, wallet))).toEqual({ GROUP_NOT_OPEN: 5 });
    expect(await rows(on, id)).toHaveLength(4);
  },

  'settle and settle at once: one wins': async (on) => {
    await raceOf(on, (id) => [on.settle(id), on.settle(id)]);
  },

  'settle and cancel at once: one wins': async (on) => {
    await raceOf(on, (id) => [on.settle(id), on.cancel(id, 'changed their mind')]);
  },

  'release and cancel at once: one wins': async (on) => {
    await raceOf(on, (id) => [on.release(id, 'disputed'), on.cancel(id, 'changed their mind')]);
  },

  'confirm and cancel of a deposit at once: one wins': async (on) => {
    for (let round = 1; round <= 3; round++) {
      const [wallet] = await createWallets(on, ['0']);
      const { id } = done(await on.deposit(wallet, '10'));
      const results = await Promise.all([on.confirm(id), on.cancelDeposit(id, 'bounced')]);
      expect(tally(results)).toEqual({ done: 1, GROUP_NOT_OPEN: 1 });
      const credited = results[0]?.outcome === 'done' ? '10' : '0';
      expect(await parts(on, wallet)).toEqual([credited, '0', '0']);
    }
  },

  'two captures that want the same rest: one wins, or both fit': async (on) => {
    const [wallet, other] = await createWallets(on, ['100', '0']);
    const { id } = done(await on.hold(move(wallet, other, '10')));
    const capture = (amount: string) =>
      on.settle(id, {
        legs: [
          { leg: 1, amount },
          { leg: 2, amount },
        ],
        final: false,
      });
    const results = await Promise.all([capture('6'), capture('6'), capture('4'), capture('4')]);
    const taken = results.map(({ outcome }, at) => (outcome === 'done' ? (at < 2 ? 6 : 4) : 0));
    const sum = taken.reduce<number>((a, b) => a + b, 0);
    expect([8, 10]).toContain(sum);
    expect(await available(on, other)).toEqual([String(sum)]);
  },

  'a group with nothing but a credit cannot settle': async (on) => {
    const [wallet] = await createWallets(on, ['0']);
    const { id } = done(await on.hold([credit(wallet, '10')]));
    expect(await parts(on, wallet)).toEqual(['0', '10', '0']);
    expect((await on.settle(id)).outcome).toBe('UNBALANCED_GROUP');
    done(await on.cancel(id, 'nobody pays'));
    expect(await parts(on, wallet)).toEqual(['0', '0', '0']);
  },

  'one wallet alone is never finalised': async (on) => {
    const [wallet, other] = await createWallets(on, ['10', '0']);
    const { id } = done(await on.hold(move(wallet, other, '10')));
    for (const leg of [1, 2]) {
      const refused = await on.settle(id, { legs: [{ leg, amount: '10' }] });
      expect(refused.outcome).toBe('UNBALANCED_GROUP');
    }
    const uneven = [
      { leg: 1, amount: '6' },
      { leg: 2, amount: '5' },
    ];
    expect((await on.settle(id, { legs: uneven })).outcome).toBe('UNBALANCED_GROUP');
    expect(await rows(on, id)).toHaveLength(2);
    expect((await on.settle(id, { legs: [{ leg: 3, amount: '1' }] })).outcome).toBe(
      'AMOUNT_EXCEEDS_HELD',
    );
  },

  'a group without legs has nothing to settle, and can be cancelled': async (on) => {
    const { id } = done(await on.hold([]));
    expect((await on.settle(id)).outcome).toBe('UNBALANCED_GROUP');
    expect(done(await on.cancel(id, 'nothing came'))).toMatchObject({
      status: 'CANCELLED',
      legs: [],
    });
  },

  'legs are added all or none': async (on) => {
    const [wallet, other] = await createWallets(on, ['10', '0']);
    const { id } = done(await on.hold([debit(wallet, '4')]));
    const refused = await on.addLegs(id, [credit(other, '4'), credit(randomUUID(), '1')]);
    expect(refused.outcome).toBe('WALLET_NOT_FOUND');
    expect((await on.group(id)).legs).toHaveLength(1);
    expect(await parts(on, other)).toEqual(['0', '0', '0']);
    const both = done(await on.addLegs(id, [debit(wallet, '1'), credit(other, '5')]));
    expect(both.legs.map(({ leg }) => leg)).toEqual([1, 2, 3]);
  },

  'an act on a group that is not there says so, and its key stays free': async (on) => {
    const [wallet, other] = await createWallets(on, ['10', '0']);
    const [id, key] = [`transfer:shop:${randomUUID()}`, randomUUID()];
    for (const missing of await everyAct(on, id, wallet)) {
      expect(missing.outcome).toBe('GROUP_NOT_FOUND');
    }
    expect((await on.settle(id, { key })).outcome).toBe('GROUP_NOT_FOUND');
    done(await on.hold(move(wallet, other, '10'), { key: id.split(':')[2]! }));
    expect(done(await on.settle(id, { key })).status).toBe('SETTLED');
  },
};

/** One of each act on an open transfer, one after the other. */
export async function everyAct(on: Driver, id: string, wallet: string): Promise<Result[]> {
  return [
    await on.settle(id),
    await on.release(id, 'disputed'),
    await on.cancel(id, 'changed their mind'),
    await on.addLegs(id, [debit(wallet, '1')]),
    await on.extend(id, 60),
  ];
}

/** Ends a hold of 10 twice at once; the one that won says where the 10 are. */
async function raceOf(on: Driver, acts: (id: string) => Promise<Result>[]): Promise<void> {
  const rounds = on.level === 'ledger' ? 10 : 3;
  for (let round = 1; round <= rounds; round++) {
    const [wallet, other] = await createWallets(on, ['10', '0']);
    const { id } = done(await on.hold(move(wallet, other, '10')));
    const results = await Promise.all(acts(id));
    expect(tally(results)).toEqual({ done: 1, GROUP_NOT_OPEN: 1 });
    const winner = results.find(({ outcome }) => outcome === 'done')?.group as Group;
    const settled = winner.status === 'SETTLED';
    expect(await on.group(id)).toEqual(winner);
    expect(await parts(on, wallet)).toEqual([settled ? '0' : '10', '0', '0']);
    expect(await parts(on, other)).toEqual([settled ? '10' : '0', '0', '0']);
    expect(await rows(on, id)).toHaveLength(4);
  }
}

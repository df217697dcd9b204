/** The seed tests, by their names: what the service did before it was this one. */
import { expect } from 'vitest';
import { snapshot } from '../../src/ledger/snapshot.ts';
import { areDecided } from '../seals/sealWorld.ts';
import type { Driver } from './driver.ts';
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
} from './story.ts';

export const seed: Scenarios = {
  'createWallets: opened with 10 and none, they have 10 and 0': async (on) => {
    const wallets = await createWallets(on, ['10', '0']);
    expect(await available(on, ...wallets)).toEqual(['10', '0']);
  },

  'transferMoney2Positive: 10 move at once, in four rows': async (on) => {
    const [w1, w2] = await createWallets(on, ['10', '0']);
    const group = done(await on.transfer(move(w1, w2, '10')));
    expect(group.status).toBe('SETTLED');
    expect(await available(on, w1, w2)).toEqual(['0', '10']);
    expect(await rows(on, group.id)).toEqual([
      'HOLD DEBIT -10',
      'HOLD CREDIT 10',
      'SETTLED DEBIT -10',
      'SETTLED CREDIT 10',
    ]);
  },

  'transferMoney3Negative: a hold beyond the funds writes nothing, cancel gives all back': async (
    on,
  ) => {
    const [w1, w2, w3] = await createWallets(on, ['10', '0', '1']);
    const { id } = done(await on.hold([debit(w1, '9')]));
    expect(await available(on, w1)).toEqual(['1']);
    done(await on.addLegs(id, [credit(w2, '4'), credit(w3, '5')]));
    expect(await available(on, w1, w2, w3)).toEqual(['1', '0', '1']);

    const refused = await on.addLegs(id, [debit(w1, '2')]);
    expect(refused.outcome).toBe('INSUFFICIENT_FUNDS');
    expect(refused.detail).toMatch(/\b1\b.*available.*\b2\b.*required/);
    expect(await rows(on, id)).toHaveLength(3);
    expect(await on.group(id)).toMatchObject({ status: 'IN_PROGRESS', legs: { length: 3 } });

    expect(done(await on.cancel(id, 'not enough')).status).toBe('CANCELLED');
    expect(await available(on, w1, w2, w3)).toEqual(['10', '0', '1']);
    expect((await rows(on, id)).slice(3)).toEqual([
      'CANCELLED CREDIT 9',
      'CANCELLED DEBIT -4',
      'CANCELLED DEBIT -5',
    ]);
  },

  'transferMoney3Positive: one pays two': async (on) => {
    const [w1, w2, w3] = await createWallets(on, ['10', '0', '1']);
    const { id } = done(await on.hold([debit(w1, '10')]));
    done(await on.addLegs(id, [credit(w2, '5'), credit(w3, '5')]));
    expect(done(await on.settle(id)).status).toBe('SETTLED');
    expect(await available(on, w1, w2, w3)).toEqual(['0', '5', '6']);
    expect(await rows(on, id)).toHaveLength(6);
  },

  'transferMoney3ReconciliationError: what does not add up is not settled': async (on) => {
    const [w1, w2, w3] = await createWallets(on, ['10', '0', '1']);
    const { id } = done(await on.hold([debit(w1, '10')]));
    done(await on.addLegs(id, [credit(w2, '5'), credit(w3, '2')]));
    const refused = await on.settle(id);
    expect(refused.outcome).toBe('UNBALANCED_GROUP');
    expect(refused.detail).toContain('-3');
    expect((await on.group(id)).status).toBe('IN_PROGRESS');
    expect((await rows(on, id)).filter((row) => row.startsWith('SETTLED'))).toEqual([]);
    done(await on.cancel(id, 'does not add up'));
    expect(await available(on, w1, w2, w3)).toEqual(['10', '0', '1']);
  },

  'transferMoneyAndSnapshot: a snapshot changes no balance and hides no row': async (on) => {
    const [w1, w2] = await createWallets(on, ['10', '0']);
    const group = done(await on.transfer(move(w1, w2, '10')));
    await keepsAllThrough(on, group.id, [w1, w2], () => snapshot(on.db.pool));
    expect(await available(on, w1, w2)).toEqual(['0', '10']);
  },

  'transferMoneyAndSnapshot with three wallets, one of them in the middle of a hold': async (
    on,
  ) => {
    const [w1, w2, w3] = await createWallets(on, ['10', '0', '1']);
    const { id } = done(await on.hold([debit(w1, '10'), credit(w2, '5')]));
    await keepsAllThrough(on, id, [w1, w2, w3], () => snapshot(on.db.pool));
    done(await on.addLegs(id, [credit(w3, '5')]));
    done(await on.settle(id));
    await keepsAllThrough(on, id, [w1, w2, w3], () => snapshot(on.db.pool));
    expect(await available(on, w1, w2, w3)).toEqual(['0', '5', '6']);
    // What a transaction anywhere on the server might still change waits for the next snapshot.
    await expect.poll(() => areDecided(on.db.pool)).toBe(true);
    await snapshot(on.db.pool);
    expect(await snapshot(on.db.pool), 'nothing moved since').toBe(0);
  },

  'release after a dispute: four rows, nobody has more or less, and the reason is kept': async (
    on,
  ) => {
    const [w1, w2] = await createWallets(on, ['10', '0']);
    const { id } = done(await on.hold(move(w1, w2, '10')));
    expect(done(await on.release(id, 'goods were broken'))).toMatchObject({
      status: 'RELEASED',
      reason: 'goods were broken',
    });
    expect(await rows(on, id)).toEqual([
      'HOLD DEBIT -10',
      'HOLD CREDIT 10',
      'RELEASED CREDIT 10',
      'RELEASED DEBIT -10',
    ]);
    expect(await parts(on, w1)).toEqual(['10', '0', '0']);
    expect(await parts(on, w2)).toEqual(['0', '0', '0']);
    expect((await on.group(id)).reason).toBe('goods were broken');
  },
};

/** What the wallets and the group show before and after is the same. */
async function keepsAllThrough(
  on: Driver,
  group: string,
  wallets: string[],
  happens: () => Promise<unknown>,
): Promise<void> {
  const look = async () => ({
    balances: await Promise.all(wallets.map((wallet) => on.balance(wallet))),
    entries: await on.entries(group),
  });
  const before = await look();
  await happens();
  expect(await look()).toEqual(before);
}

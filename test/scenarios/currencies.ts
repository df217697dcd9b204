import { expect } from 'vitest';
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
  walletsOf,
} from './story.ts';

/** Every asset adds up by itself, and the world outside is not everybody's to name. */
export const currencies: Scenarios = {
  'dollars do not become euros one to one, on any path': async (on) => {
    const { dollars, euros } = await twoAssets(on);
    const across = [debit(dollars[0], '10'), credit(euros[0], '10')];
    expect((await on.transfer(across)).outcome).toBe('UNBALANCED_GROUP');

    const held = done(await on.hold(across));
    const both = [
      { leg: 1, amount: '10' },
      { leg: 2, amount: '10' },
    ];
    expect((await on.settle(held.id)).outcome).toBe('UNBALANCED_GROUP');
    expect((await on.settle(held.id, { legs: both })).outcome).toBe('UNBALANCED_GROUP');
    expect((await on.settle(held.id, { legs: both, final: false })).outcome).toBe(
      'UNBALANCED_GROUP',
    );
    done(await on.cancel(held.id, 'no exchange'));

    const added = done(await on.hold([debit(dollars[0], '10')]));
    done(await on.addLegs(added.id, [credit(euros[0], '10')]));
    expect((await on.settle(added.id)).outcome).toBe('UNBALANCED_GROUP');
    done(await on.release(added.id, 'no exchange'));

    expect(await available(on, dollars[0], euros[0])).toEqual(['100', '100']);
    expect(await rows(on, held.id)).toHaveLength(4);
  },

  'naming the other asset in a leg changes nothing': async (on) => {
    const { dollars, euros, euro } = await twoAssets(on);
    const named = [{ ...debit(dollars[0], '10'), asset: euro }, credit(euros[0], '10')];
    expect((await on.transfer(named)).outcome).toBe('ASSET_MISMATCH');
    expect((await on.hold(named)).outcome).toBe('ASSET_MISMATCH');
    const { id } = done(await on.hold([]));
    expect((await on.addLegs(id, named)).outcome).toBe('ASSET_MISMATCH');
    expect((await on.group(id)).legs).toEqual([]);
  },

  'an exchange settles when each asset adds up by itself': async (on) => {
    const { dollars, euros } = await twoAssets(on);
    const exchange = [...move(dollars[0], dollars[1], '11'), ...move(euros[1], euros[0], '10')];
    done(await on.transfer(exchange));
    expect(await available(on, ...dollars, ...euros)).toEqual(['89', '111', '110', '90']);

    const { id } = done(await on.hold(exchange));
    const half = [
      { leg: 1, amount: '5' },
      { leg: 2, amount: '5' },
    ];
    done(await on.settle(id, { legs: half, final: false }));
    const uneven = [
      { leg: 1, amount: '1' },
      { leg: 4, amount: '1' },
    ];
    expect((await on.settle(id, { legs: uneven, final: false })).outcome).toBe('UNBALANCED_GROUP');
    done(await on.settle(id));
    expect(await available(on, ...dollars, ...euros)).toEqual(['78', '122', '120', '80']);
  },

  'the same symbol on two chains is two assets': async (on) => {
    const one = await createWallets(on, ['10', '0'], { name: 'Dollar', scale: 6 });
    const two = await createWallets(on, ['10', '0'], { name: 'Dollar', scale: 6 });
    expect((await on.transfer(move(one[0], two[1], '1'))).outcome).toBe('UNBALANCED_GROUP');
  },

  'wallets of the system are not addressable without admin': async (on) => {
    const asset = await on.createAsset();
    const [wallet] = await walletsOf(on, asset, ['10']);
    const { id } = done(await on.hold([debit(wallet, '1')]));
    for (const kind of ['external', 'fees', 'shortfall', 'treasury', 'unattributed']) {
      const system = `${kind}:${asset}`;
      const refused: Result[] = [
        await on.transfer(move(system, wallet, '5')),
        await on.transfer(move(wallet, system, '5')),
        await on.hold([credit(system, '5')]),
        await on.addLegs(id, [credit(system, '1')]),
        await on.deposit(system, '5'),
        await on.withdraw(system, '5'),
      ];
      expect(tally(refused), system).toEqual({ FORBIDDEN: 6 });
    }
    expect((await on.group(id)).legs).toHaveLength(1);
    expect(await parts(on, wallet)).toEqual(['9', '0', '1']);
  },

  'a transfer to oneself is exact': async (on) => {
    const [wallet] = await createWallets(on, ['10']);
    const { id } = done(await on.transfer(move(wallet, wallet, '10')));
    expect(await rows(on, id)).toHaveLength(4);
    expect(await parts(on, wallet)).toEqual(['10', '0', '0']);
    const held = done(await on.hold(move(wallet, wallet, '4')));
    expect(await parts(on, wallet)).toEqual(['6', '4', '4']);
    done(await on.settle(held.id));
    expect(await parts(on, wallet)).toEqual(['10', '0', '0']);
    expect((await on.transfer(move(wallet, wallet, '10.01'))).outcome).toBe('INSUFFICIENT_FUNDS');
  },

  'money that a group brings is not there to be held in the same group': async (on) => {
    const [poor, rich] = await createWallets(on, ['0', '10']);
    const around = [...move(rich, poor, '5'), ...move(poor, rich, '5')];
    expect((await on.transfer(around)).outcome).toBe('INSUFFICIENT_FUNDS');
    expect(await available(on, poor, rich)).toEqual(['0', '10']);
  },
};

async function twoAssets(on: Driver) {
  const [dollar, euro] = [await on.createAsset(), await on.createAsset()];
  return {
    euro,
    dollars: await walletsOf(on, dollar, ['100', '100']),
    euros: await walletsOf(on, euro, ['100', '100']),
  };
}

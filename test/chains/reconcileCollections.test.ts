/** The equation of the books and the chain while our own coins move between our own addresses. */
import { beforeAll, expect, it } from 'vitest';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { type CollectWorld, createCollectWorld, USDX } from './collectWorld.ts';

let world: CollectWorld;

beforeAll(async () => {
  world = await createCollectWorld();
});

/** The terms that are not 0, but for what is in the books; no address has more or less than due. */
async function terms(): Promise<Record<string, Record<string, string>>> {
  const lines = await reconcileChain(world.db, world.port);
  expect(lines.map(({ asset, places, drift }) => ({ asset, places, drift }))).toEqual([
    { asset: 'ETH', places: [], drift: '0' },
    { asset: 'USDX', places: [], drift: '0' },
  ]);
  const named = (all: Record<string, string>) =>
    Object.entries(all).filter(([term, amount]) => term !== 'external' && amount !== '0');
  return Object.fromEntries(
    lines.map((line) => [line.asset, Object.fromEntries(named(line.terms))]),
  );
}

/** Sent and final, and not looked at by its saga yet. */
async function sent(id: string): Promise<void> {
  await world.sign(id);
  await world.send(id);
  await world.node.mine(3);
  await world.follow();
}

it('counts the gas of top-ups and collections, and none of the coins that stay ours', async () => {
  const fee = { feesNotBooked: expect.stringMatching(/^-0\.0000\d+$/) };
  await world.deposited('moves', 'USDX', 50n * USDX);
  await world.rule('USDX', { min: '10' });
  const [topUp = ''] = await world.collect();
  await sent(topUp);
  expect(await terms()).toEqual({ ETH: fee, USDX: {} });
  expect(await world.look(topUp)).toMatchObject({ status: 'SETTLED' });
  expect(await terms()).toEqual({ ETH: {}, USDX: {} });

  const [collection = ''] = await world.collect();
  await sent(collection);
  expect(await terms()).toEqual({ ETH: fee, USDX: {} });
  expect(await world.look(collection)).toMatchObject({ status: 'SETTLED' });
  expect(await terms()).toEqual({ ETH: {}, USDX: {} });
});

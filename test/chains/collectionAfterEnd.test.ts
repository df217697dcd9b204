/** Collections that had ended, and whose block is dropped all the same: what lies where then. */
import { Registry } from 'prom-client';
import { beforeEach, expect, it } from 'vitest';
import { observeTreasury } from '../../src/collection/treasuryFigures.ts';
import { cancelOnChain } from '../../src/ledger/replaceAttempt.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { endPauses, openPauses } from '../../src/withdrawals/explain.ts';
import { replaceWithdrawal } from '../../src/withdrawals/pay.ts';
import { HOT } from './chainWorld.ts';
import { type CollectWorld, createCollectWorld, ETH, groupOf, USDX } from './collectWorld.ts';
import { type OpenNonceActs, openNonceActs } from './openNonceWorld.ts';
import { SHOP } from './payWorld.ts';

let world: CollectWorld & OpenNonceActs;

beforeEach(async () => {
  const collecting = await createCollectWorld();
  world = { ...collecting, ...(await openNonceActs(collecting)) };
});

const eventsOf = async (id: string) => (await readTimeline(world.db, id)).map(({ event }) => event);

/** By the books, on the address and on the hot wallet. */
const whereLies = (asset: string, address: string) =>
  world.value<string[]>(
    `select array[amount_text(chain_lies_at($1, $3, $2)),
       amount_text(chain_booked_at($1, $4, $2))]`,
    world.port.chain,
    asset,
    address,
    HOT,
  );

/** Opens what is due, and pays it up to the block that has it: final by the asset's own word. */
async function collected(): Promise<string[]> {
  const ended: string[] = [];
  for (;;) {
    const ids = await world.collect();
    if (ids.length === 0) return ended;
    for (const id of ids) {
      await world.sign(id);
      await world.send(id);
      expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
      ended.push(id);
    }
  }
}

it.each([
  ['ETH', ETH],
  ['USDX', 5n * USDX],
] as const)('%s that come again in another block are collected once', async (asset, units) => {
  const address = await world.deposited('again', asset, units);
  await world.rule(asset, { min: '0.5' });
  const id = (await collected()).at(-1) ?? '';
  const [, hot] = await whereLies(asset, address);
  await world.dropBlocks(1);
  expect(await eventsOf(id)).toContain('chain.orphaned_after_end');
  await world.resend();
  await world.node.mined();
  await world.follow();
  expect(await eventsOf(id)).toContain('chain.included_again');
  // What is left on the address depends on the gas, which has another price in that block.
  expect((await whereLies(asset, address))[1]).toBe(hot);
  await world.expectWhole();
});

it('one that had been cancelled, and takes place all the same, is counted then', async () => {
  const address = await world.deposited('late', 'ETH', ETH);
  await world.rule('ETH', { min: '0.5' });
  const [id = ''] = await world.collect();
  await world.node.automine(false);
  await world.sign(id);
  await world.send(id);
  const step = { groupId: id, stepKey: 'cancelOnChain:bank:1', actor: SHOP };
  await cancelOnChain(world.db, { ...step, maxFee: null });
  await replaceWithdrawal(world.deps, id);
  await world.send(id);
  await world.node.mine();
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED', reason: 'CANCELLED_ON_CHAIN' });
  const [lies = ''] = await whereLies('ETH', address);
  expect(Number(lies)).toBeGreaterThan(0.99);
  const [{ bytes = '' } = {}] = await world.attempts(id, 'payment');
  await world.dropBlocks(1);
  await world.node.resend(bytes);
  await world.node.mine();
  await world.follow();
  expect(await eventsOf(id)).toContain('chain.late_confirmed');
  expect(await groupOf(world, id)).toMatchObject({ withdrawal: { state: 'late_confirmed' } });
  const registry = new Registry();
  observeTreasury(registry, world.db);
  expect(await registry.metrics()).not.toMatch(/holdfast_open_collections\{/);
  expect(Number((await whereLies('ETH', address))[0])).toBeLessThan(0.01);
  // Nobody lost anything by it: both addresses are ours.
  expect(await world.balance('shortfall:ETH')).toMatchObject({ settled: '0' });
  expect(await openPauses(world.deps)).toMatchObject([{ sender: address }]);
  expect(await endPauses(world.deps, 'it went where it was to go')).toBe(1);
  await world.expectWhole();
});

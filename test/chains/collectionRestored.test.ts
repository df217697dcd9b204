/** A database restored to before coins were collected: each move is explained, and booked once. */
import { expect, it } from 'vitest';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { createFollower } from '../../src/watchers/follow.ts';
import { explainSpending, unknownSpendings } from '../../src/withdrawals/explain.ts';
import { followWithdrawal } from '../../src/withdrawals/pay.ts';
import { copyTestDatabase } from '../support/testDatabase.ts';
import { HOT, log } from './chainWorld.ts';
import { createCollectWorld, USDX } from './collectWorld.ts';

const NOTE = 'collected after the backup';

it('follows the gas and the collection that it forgot, and has no drift then', async () => {
  const world = await createCollectWorld();
  const address = await world.deposited('tokens', 'USDX', 50n * USDX);
  await world.rule('USDX', { min: '10' });
  const copy = await copyTestDatabase(world.database);
  await copy.owner.query('update chains set leased_by = null, leased_until = null');
  const deps = { ...world.deps, db: copy.pool };
  const { port } = world;
  const watch = { chain: port.chain, holder: 'restored' };
  const turn = createFollower({ db: copy.pool, port, watch, startHeight: null, log });
  expect(await world.collectAll()).toHaveLength(2);
  await world.node.mine(3);
  while ((await turn()).turn === 'behind') {}

  const placesOf = async (asset: string) =>
    (await reconcileChain(copy.pool, port)).find((line) => line.asset === asset)?.places;
  expect(await placesOf('USDX')).toMatchObject([{ address: expect.anything() }, {}]);
  const [topUp, ...more] = await unknownSpendings(deps);
  expect([topUp?.sender, more]).toEqual([HOT, []]);
  const [collected] = await unknownSpendings(deps, address);
  expect(collected).toMatchObject({ sender: address, nonce: 0 });
  const nonce = topUp?.nonce ?? -1;
  const said = { groupIds: [], note: NOTE, isOwn: true };
  expect(await explainSpending(deps, { ...said, nonce })).toBe(0);
  expect(await explainSpending(deps, { ...said, nonce: 0, sender: address })).toBe(0);
  expect(await unknownSpendings(deps, address)).toEqual([]);

  const { rows } = await copy.pool.query<{ id: string; purpose: string }>(
    'select group_id as id, purpose from collections order by purpose',
  );
  expect(rows.map(({ purpose }) => purpose)).toEqual(['collect', 'top_up']);
  for (const { id } of rows) {
    await followWithdrawal(deps, id);
    expect((await followWithdrawal(deps, id)).group).toMatchObject({ status: 'SETTLED' });
  }
  expect(await placesOf('USDX')).toEqual([]);
  expect(await placesOf('ETH')).toEqual([]);
});

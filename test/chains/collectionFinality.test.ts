/** Assets of one chain that are final at different depths: gas is there before tokens are. */
import { beforeAll, expect, it } from 'vitest';
import { type CollectWorld, createCollectWorld, groupOf, USDX } from './collectWorld.ts';

let world: CollectWorld;

beforeAll(async () => {
  world = await createCollectWorld();
  await world.database.owner.query("update assets set final = '1' where code = 'ETH'");
  await world.database.owner.query("update assets set final = '12' where code = 'USDX'");
  await world.rule('USDX', { min: '10' });
});

it('an address gets gas once, however much deeper the tokens on it are final', async () => {
  const address = await world.deposited('alice', 'USDX', 100n * USDX);
  await world.node.mine(12);
  const opened: string[] = [];
  for (let looks = 0; looks < 20; looks += 1) {
    for (const id of await world.collect()) {
      opened.push(id);
      await world.pay(id);
    }
    await world.node.mine();
  }
  await world.node.mine(12);
  for (const id of opened) expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  const groups = await Promise.all(opened.map((id) => groupOf(world, id)));
  expect(groups.map(({ metadata }) => metadata.purpose)).toEqual(['top_up', 'collect']);
  expect(await world.balance('alice')).toMatchObject({ available: '100' });
  expect(await world.coins(address)).toBeLessThan(10n ** 16n);
  await world.expectWhole();
});

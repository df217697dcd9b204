/** Addresses that cannot be collected from keep nobody else waiting. */
import { expect, it } from 'vitest';
import { collectOnce } from '../../src/collection/collect.ts';
import { createLog } from '../../src/observability/log.ts';
import { type CollectWorld, createCollectWorld, ETH, USDX } from './collectWorld.ts';

/** Code that reverts whatever it is asked. */
const REVERTS = '0x60006000fd';
/** As many as one look asks about. */
const CROWD = 20;

const assetsOf = async ({ db }: CollectWorld, groups: string[]) => {
  const { rows } = await db.query<{ asset: string }>(
    'select asset from collections where group_id = any($1) order by asset',
    [groups],
  );
  return rows.map(({ asset }) => asset);
};

it('a token that tells no balances is told once, and other assets are collected', async () => {
  const world = await createCollectWorld();
  const alerts: { alert?: string }[] = [];
  const log = createLog('warn', { write: (line: string) => alerts.push(JSON.parse(line)) });
  await world.deposited('broken', 'USDX', 100n * USDX);
  await world.deposited('broken too', 'USDX', 100n * USDX);
  await world.deposited('sound', 'ETH', ETH);
  await world.rule('USDX', { min: '10' });
  await world.rule('ETH', { min: '0.5' });
  await world.node.rpc('anvil_setCode', world.usdx, REVERTS);
  // It is asked as of the last final block.
  await world.node.mine(3);
  await world.follow();
  const leftAlone = new Map<string, number>();
  const opened = await collectOnce({ ...world.collecting, log }, leftAlone);
  expect(await assetsOf(world, opened)).toEqual(['ETH']);
  expect(await collectOnce({ ...world.collecting, log }, leftAlone)).toEqual([]);
  expect(alerts).toMatchObject([{ alert: 'COLLECTION_REFUSED', asset: 'USDX' }]);
});

it('twenty refused addresses leave room for other assets, then for their own', async () => {
  const world = await createCollectWorld();
  for (let at = 0; at < CROWD; at++) {
    const address = await world.deposited(`crowd ${at}`, 'USDX', 100n * USDX);
    await world.node.rpc('anvil_dealERC20', address, world.usdx, '0x0');
  }
  await world.deposited('small', 'USDX', 50n * USDX);
  await world.deposited('native', 'ETH', ETH);
  await world.rule('USDX', { min: '10' });
  await world.rule('ETH', { min: '0.5' });
  const leftAlone = new Map<string, number>();
  const look = async () => assetsOf(world, await collectOnce(world.collecting, leftAlone));
  expect(await look()).toEqual(['ETH']);
  // Gas for the address with tokens.
  expect(await look()).toEqual(['ETH']);
  expect(
    await world.value("select count(*)::integer from collections where purpose = 'top_up'"),
  ).toBe(1);
});

it('an asset of which nothing is known to be final holds up no other one', async () => {
  const world = await createCollectWorld();
  const address = await world.deposited('unknown', 'USDX', 5n * USDX);
  await world.deposited('known', 'ETH', ETH);
  await world.database.owner.query("update assets set final = '1' where code = 'ETH'");
  for (const asset of ['ETH', 'USDX']) await world.rule(asset, { min: '0.5' });
  // As on a chain whose nodes know no such tags.
  const forget = 'update chains set safe_height = null, finalized_height = null';
  await world.database.owner.query(forget);
  const [id = '', ...others] = await collectOnce(world.collecting);
  expect(id).toMatch(/:ETH:\d+$/);
  expect(others).toEqual([]);
  await world.database.owner.query('update assets set final = null');
  await world.pay(id);
  await world.collectAll();
  expect(await world.coins(address, world.usdx)).toBe(0n);
  await world.expectWhole();
});

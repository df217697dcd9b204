/** What a watcher tells its metrics, and what it forgets. */
import { beforeEach, expect, it } from 'vitest';
import { creditChainDeposit, openChainDeposit } from '../../src/chains/deposits.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { forgetOld } from '../../src/watchers/chainTables.ts';
import { createHousekeeper } from '../../src/watchers/housekeeping.ts';
import { createWatcherMetrics } from '../../src/watchers/watcherMetrics.ts';
import { type ChainWorld, createChainWorld } from './chainWorld.ts';

const ETH = 10n ** 18n;
let world: ChainWorld;

const watch = (holder = 'test') => ({ chain: world.port.chain, holder });
const heights = () =>
  world.value<number[]>('select array_agg(height::integer order by height) from chain_blocks');
const cursor = () => world.value<number>('select cursor_height::integer from chains');
const inclusionOf = (txid: string) =>
  world.value<string>('select id::text from chain_inclusions where txid = $1', txid);

beforeEach(async () => {
  world = await createChainWorld();
  await world.follow();
});

it('forgets old blocks, but for those that the ledger will still ask for', async () => {
  const address = await world.wallet('alice', 'ETH');
  const credited = await world.node.send({ to: address, wei: ETH });
  const waiting = await world.node.send({ to: address, wei: ETH });
  await world.node.mine(2);
  await world.follow();
  await world.node.reorg(1);
  await world.node.mine(20);
  await world.follow();
  await world.follow();
  for (const { txid } of [credited, waiting]) {
    await openChainDeposit(world.db, await inclusionOf(txid));
  }
  await creditChainDeposit(world.db, await inclusionOf(credited.txid));
  const last = await cursor();
  const kept = await world.value<number>(
    'select block_height::integer from chain_inclusions where txid = $1',
    waiting.txid,
  );
  const retention = { blocks: 10, taskSeconds: 3600, limit: 1000 };
  expect(await forgetOld(world.db, watch('another'), retention)).toBe(0);
  expect(await forgetOld(world.db, watch(), { ...retention, limit: 2 })).toBe(2);
  expect(await forgetOld(world.db, watch(), retention)).toBeGreaterThan(5);
  const tip = Array.from({ length: 11 }, (_, at) => last - 10 + at);
  expect(await heights()).toEqual([kept, ...tip]);
  expect(await forgetOld(world.db, watch(), retention)).toBe(0);

  // What waits is credited all the same, and the chain goes on and back as before.
  expect(await creditChainDeposit(world.db, await inclusionOf(waiting.txid))).toMatchObject({
    groupStatus: 'SETTLED',
  });
  await world.node.reorg(1);
  expect(await world.follow()).toMatchObject({ turn: 'idle' });
});

it('keeps all blocks from the last final one up, where one is known', async () => {
  await world.node.mine(20);
  await world.follow();
  await world.database.owner.query('update chains set finalized_height = cursor_height - 15');
  await forgetOld(world.db, watch(), { blocks: 2, taskSeconds: 0, limit: 1000 });
  expect((await heights())[0]).toBe((await cursor()) - 15);
  await world.database.owner.query('update chains set finalized_height = null');
  await forgetOld(world.db, watch(), { blocks: 2, taskSeconds: 0, limit: 1000 });
  expect((await heights())[0]).toBe((await cursor()) - 2);
});

it('forgets tasks that were done long ago, and no others', async () => {
  const address = await world.wallet('alice', 'ETH');
  await world.node.send({ to: address, wei: ETH });
  await world.node.send({ to: address, wei: ETH });
  await world.node.mine(5);
  await world.follow();
  await world.follow();
  const { owner } = world.database;
  await owner.query("update chain_tasks set done_at = now() - interval '2 h' where kind = 'open'");
  await owner.query(`update chain_tasks set done_at = now() where kind = 'credit' and id = (
    select min(id) from chain_tasks where kind = 'credit')`);
  await forgetOld(world.db, watch(), { blocks: 1000, taskSeconds: 3600, limit: 1000 });
  const left = "select array_agg(kind || ' ' || (done_at is null) order by id) from chain_tasks";
  expect(await world.value(left)).toEqual(['credit false', 'credit true']);
  // A credit that is still due would only be made anew.
  await owner.query("update chain_tasks set done_at = now() - interval '2 h'");
  await forgetOld(world.db, watch(), { blocks: 1000, taskSeconds: 3600, limit: 1000 });
  expect(await world.value('select count(*)::integer from chain_tasks')).toBe(2);
});

it('counts what waits', async () => {
  const address = await world.wallet('alice', 'ETH');
  await world.node.send({ to: address, wei: ETH });
  await world.follow();
  const { registry } = createMetrics();
  const metrics = createWatcherMetrics(registry);
  await createHousekeeper({ db: world.db, watch: watch(), metrics })();
  const text = await registry.metrics();
  expect(text).toMatch(/holdfast_chain_tasks_waiting\{chain="eip155:31337"\} 1\n/);
  expect(text).toMatch(/holdfast_chain_rescans_open\{chain="eip155:31337"\} 0\n/);
});

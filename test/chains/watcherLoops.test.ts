/** What a watcher does beside following: none of it waits for what another part cannot do. */
import { expect, it } from 'vitest';
import { connectChain } from '../../src/chains/connection.ts';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { startWatcher } from '../../src/watchers/watcher.ts';
import { createWatcherMetrics } from '../../src/watchers/watcherMetrics.ts';
import { atFileEnd } from '../support/borrow.ts';
import { log } from './chainWorld.ts';
import { createSagaWorld } from './sagaWorld.ts';

it('counts what waits although a rescan cannot go on', async () => {
  const world = await createSagaWorld(60);
  const { db, node, port } = world;
  await node.mine(9);
  await world.follow();
  const ask = "select chain_ask_rescan($1, 3, 3, 'ann', 'a customer asks', false)";
  await db.query(ask, [port.chain]);
  const proxy = await startProxy({ upstreams: [world.rpcUrl] });
  atFileEnd(() => proxy.stop());
  const methods = ['eth_getBlockByNumber'];
  const lost = proxy.add({ kind: 'error', methods, containing: '"0x3"', message: 'busy' });
  await db.query('update chains set leased_until = now()');
  const metrics = createMetrics();
  let looks = 0;
  const watcher = await startWatcher({
    db,
    chain: connectChain(proxy.url),
    client: world.sagas.client,
    log,
    metrics: createWatcherMetrics(metrics.registry),
    identity: 'busy node',
    startBlock: null,
    pollMs: 20,
    custody: async () => {
      looks += 1;
    },
  });
  atFileEnd(() => watcher.stop());
  const open = async () =>
    (await metrics.registry.getSingleMetricAsString('holdfast_chain_rescans_open')).trim();
  await expect.poll(open, { timeout: 10_000 }).toMatch(/ 1$/);
  expect(lost.strikes).toBeGreaterThan(0);
  await expect.poll(() => looks, { timeout: 10_000 }).toBeGreaterThan(0);
});

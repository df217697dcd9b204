/** Addresses that are handed out while the watcher reads blocks by the addresses from before. */
import { expect, it } from 'vitest';
import { connectChain } from '../../src/chains/connection.ts';
import { handOutAddress } from '../../src/chains/depositAddresses.ts';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import { depositPath, deriveAddress } from '../../src/chains/evm/addresses.ts';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import { ChainUnavailable } from '../../src/contracts/chain.ts';
import { createWallet } from '../../src/ledger/wallets.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { lookAtNewAddresses } from '../../src/watchers/newAddresses.ts';
import { startWatcher } from '../../src/watchers/watcher.ts';
import { createWatcherMetrics } from '../../src/watchers/watcherMetrics.ts';
import { atFileEnd } from '../support/borrow.ts';
import { rpcUrl } from '../support/testServers.ts';
import { createChainWorld, log, XPUB } from './chainWorld.ts';
import { openNode } from './node.ts';
import { createSagaWorld } from './sagaWorld.ts';

const ETH = 10n ** 18n;
/** Code that reverts whatever it is asked. */
const REVERTS = '0x60006000fd';
/** Many times the watcher's pause: a look beside its turn would come while the block is awaited. */
const SLOW_MS = 1_500;

it('finds what was paid in blocks that were being read when the address came', async () => {
  const world = await createSagaWorld(60);
  const { db, node } = world;
  const proxy = await startProxy({ upstreams: [world.rpcUrl] });
  atFileEnd(() => proxy.stop());
  await world.giveStranger(1_000_000n);
  const watcher = await startWatcher({
    db,
    chain: connectChain(proxy.url),
    client: world.sagas.client,
    log,
    metrics: createWatcherMetrics(createMetrics().registry),
    identity: 'slow node',
    startBlock: null,
    pollMs: 20,
  });
  atFileEnd(() => watcher.stop());

  // Two blocks of one turn: the first pays the address and is read at once, the second is slow.
  const address = deriveAddress(XPUB, depositPath('new', 0));
  const stale = proxy.add({ kind: 'staleHead' });
  await expect.poll(() => stale.strikes).toBeGreaterThan(0);
  const slow = proxy.add({ kind: 'delay', methods: ['eth_getLogs'], milliseconds: SLOW_MS });
  await node.send({ to: address, wei: ETH });
  await node.sendToken(world.usdx, `0x${'42'.repeat(20)}`, 1n);
  stale.lift();
  await expect.poll(() => slow.strikes, { timeout: 10_000 }).toBeGreaterThan(0);
  await createWallet(db, { id: 'new', owner: 'new', asset: 'ETH' });
  const handed = await handOutAddress(db, XPUB, { wallet: 'new', fresh: false });
  expect(handed.address.address.toLowerCase()).toBe(address);
  const isNew = 'select count(*)::integer from chain_new_addresses';
  expect(await world.value(isNew)).toBe(1);

  // Compared, now that the blocks are stored: what came by then is there, or asked for.
  await expect.poll(() => world.value(isNew), { timeout: 10_000 }).toBe(0);
  const pending = async () => (await world.balance('new')).pendingIn;
  await expect.poll(pending, { timeout: 10_000 }).toBe('1');
  await node.mine(2);
  const available = async () => (await world.balance('new')).available;
  await expect.poll(available, { timeout: 10_000 }).toBe('1');
});

it('looks at an address although a token tells no balances', async () => {
  const world = await createChainWorld();
  const { db, node, port, usdx } = world;
  await world.follow();
  const [first, second] = [0, 1].map((at) => deriveAddress(XPUB, depositPath(`early-${at}`, 0)));
  await node.send({ to: second ?? '', wei: ETH });
  await world.follow();
  await node.rpc('anvil_setCode', usdx, REVERTS);
  await node.mine();
  await world.follow();
  expect(await world.wallet('early-0', 'ETH')).toBe(first);
  expect(await world.wallet('early-1', 'ETH')).toBe(second);
  const look = (holder = 'test') =>
    lookAtNewAddresses({ db, port, watch: { chain: port.chain, holder }, log });
  expect(await look('another one')).toBe(0);
  const { owner } = world.database;
  await owner.query("insert into chain_halts (chain, reason) select id, 'x' from chains");
  expect(await look(), 'the chain stands still').toBe(0);
  await owner.query('update chain_halts set until = now()');
  expect(await look()).toBe(2);
  expect(await look()).toBe(0);
  const asked = 'select count(*)::integer from chain_rescans where finished_at is null';
  expect(await world.value(asked)).toBe(1);
});

it('asks again where another branch tells what lies on an address', async () => {
  const world = await createChainWorld();
  const { db, node } = world;
  await world.follow();
  await node.send({ to: deriveAddress(XPUB, depositPath('early', 0)), wei: ETH });
  await world.follow();
  const address = await world.wallet('early', 'ETH');
  // As high, and without that payment.
  const second = await rpcUrl();
  await openNode(second).mine((await node.height()) + 1);
  const proxy = await startProxy({ upstreams: [world.rpcUrl, second] });
  atFileEnd(() => proxy.stop());
  const port = await connectEvm(proxy.url);
  proxy.add({ kind: 'upstream', upstream: 1, methods: ['eth_getBalance', 'eth_call'] });
  const deps = { db, port, watch: { chain: port.chain, holder: 'test' }, log };
  await expect(lookAtNewAddresses(deps)).rejects.toThrow(ChainUnavailable);
  proxy.clear();
  expect(await lookAtNewAddresses(deps)).toBe(1);
  const reason = `${address} had ETH before it was handed out`;
  expect(await world.value('select reason from chain_rescans')).toBe(reason);
});

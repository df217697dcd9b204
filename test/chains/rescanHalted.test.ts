/** What is read of a chain that stands still, and how one goes on that has read nothing yet. */
import { expect, it } from 'vitest';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import { askRescan, rescanTransaction } from '../../src/chains/rescan.ts';
import { ChainUnavailable } from '../../src/contracts/chain.ts';
import { createFollower } from '../../src/watchers/follow.ts';
import { createRescanner } from '../../src/watchers/lookAgain.ts';
import { atFileEnd } from '../support/borrow.ts';
import { rpcUrl } from '../support/testServers.ts';
import { type ChainWorld, createChainWorld, log } from './chainWorld.ts';
import { openNode } from './node.ts';

const ETH = 10n ** 18n;

function goOn({ db, chain, port }: ChainWorld, from: number) {
  const at = { from, to: null };
  const asked = { chain: port.chain, at, requestedBy: 'ann', reason: 'mended', liftHalts: true };
  return askRescan(db, chain, asked);
}

it('one that could not read its first block goes on when the node is mended', async () => {
  const world = await createChainWorld();
  const proxy = await startProxy({ upstreams: [world.rpcUrl] });
  atFileEnd(() => proxy.stop());
  // Code runs in it, so it has to be traced.
  await world.giveStranger(1n);
  await world.node.sendToken(world.usdx, `0x${'12'.repeat(20)}`, 1n);
  const first = await world.node.height();
  const port = await connectEvm(proxy.url);
  const methods = ['debug_traceBlockByHash'];
  proxy.add({ kind: 'error', methods, message: 'missing trie node' });
  const deps = { db: world.db, port, watch: { chain: port.chain, holder: 'test' }, log };
  const follow = createFollower({ ...deps, startHeight: first });
  for (let turn = 1; turn < 10; turn++) await expect(follow()).rejects.toThrow(ChainUnavailable);
  expect(await follow()).toMatchObject({ turn: 'halted' });
  proxy.clear();

  expect(await goOn(world, first)).toMatchObject({ from: first, to: first, finishedAt: null });
  const lookAgain = createRescanner(deps);
  while (await lookAgain());
  expect(await follow()).toMatchObject({ turn: 'idle', cursor: first });
  expect(await goOn(world, first)).toMatchObject({ next: first });
  while (await lookAgain());
  const open = 'select count(*)::integer from chain_rescans where finished_at is null';
  expect(await world.value(open)).toBe(0);
});

it('takes in no block of a branch that is not followed in the end', async () => {
  const world = await createChainWorld();
  const { db, node } = world;
  const address = await world.wallet('nobody-paid', 'ETH');
  await node.mine(5);
  const url = await rpcUrl();
  const right = openNode(url);
  await right.rpc('anvil_loadState', await node.rpc('anvil_dumpState'));
  const port = await connectEvm(url);
  const first = await right.height();
  const deps = { db, watch: { chain: port.chain, holder: 'test' }, log };
  const follow = createFollower({ ...deps, port, startHeight: first });
  await follow();

  // This node's branch leaves the other one's below the first block that was followed.
  await node.automine(false);
  const { raw, txid } = await node.send({ to: address, wei: ETH });
  await node.rpc('anvil_dropAllTransactions');
  await node.reorg(3, [{ raw, at: 0 }]);
  const followWrong = createFollower({ ...deps, port: world.port, startHeight: first });
  await followWrong();
  expect(await followWrong()).toMatchObject({ turn: 'halted' });
  expect(await rescanTransaction(db, world.port, txid)).toBe(false);

  await goOn(world, first);
  const lookAgain = createRescanner({ ...deps, port });
  while (await lookAgain());
  await right.mine(30);
  expect(await follow()).toMatchObject({ turn: 'idle', cursor: first + 30 });
  expect(await world.value('select count(*)::integer from chain_inclusions')).toBe(0);
});

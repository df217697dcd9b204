/** How a chain goes on that was stopped before it had read a block. */
import { expect, it } from 'vitest';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import { askRescan } from '../../src/chains/rescan.ts';
import { ChainUnavailable } from '../../src/contracts/chain.ts';
import { createFollower } from '../../src/watchers/follow.ts';
import { createRescanner } from '../../src/watchers/lookAgain.ts';
import { atFileEnd } from '../support/borrow.ts';
import { type ChainWorld, createChainWorld, log } from './chainWorld.ts';

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

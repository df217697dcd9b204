/** Blocks that are read once more: late addresses, old blocks, and a chain that may go on. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import type { FaultInput } from '../../src/chains/faults/script.ts';
import { rescanTransaction } from '../../src/chains/rescan.ts';
import {
  type ChainRescan,
  ChainUnavailable,
  type RescanRequest,
} from '../../src/contracts/chain.ts';
import { createRescanner } from '../../src/watchers/lookAgain.ts';
import { lookAtNewAddresses } from '../../src/watchers/newAddresses.ts';
import { atFileEnd } from '../support/borrow.ts';
import { type ChainWorld, createChainWorld, log, XPUB } from './chainWorld.ts';

const ETH = 10n ** 18n;
let world: ChainWorld;
let lookAgain: () => Promise<boolean>;

const deps = () => {
  const { db, port } = world;
  return { db, port, watch: { chain: port.chain, holder: 'test' }, log };
};
const inclusions = (to: string) =>
  world.value<number>('select count(*)::integer from chain_inclusions where to_address = $1', to);
const cursor = () => world.value<number>('select cursor_height::integer from chains');
const status = async () => {
  const [chain] = await createChainDoor({ ...world, xpub: XPUB }).chains();
  return chain!;
};

async function ask(at: RescanRequest['at'], liftHalts = false): Promise<ChainRescan> {
  const door = createChainDoor({ ...world, xpub: XPUB });
  const { chain } = world.port;
  const request = { chain, at, requestedBy: 'ann', reason: 'a customer asks', liftHalts };
  const asked = await door.rescan(request);
  if ('refused' in asked) throw new Error(asked.refused);
  return asked;
}

async function lookUntilDone(): Promise<void> {
  while (await lookAgain());
}

/** As if the address had not been handed out yet. */
async function hide(address: string): Promise<void> {
  const { owner } = world.database;
  await owner.query('alter table deposit_addresses disable trigger all');
  await owner.query('delete from deposit_addresses where address = $1', [address]);
  await owner.query('delete from chain_new_addresses');
  await owner.query('alter table deposit_addresses enable trigger all');
}

beforeEach(async () => {
  world = await createChainWorld();
  lookAgain = createRescanner(deps());
});

describe('an address that is handed out after its coins came', () => {
  it('is found by itself, and the coins with it, once', async () => {
    await world.giveStranger(9_000_000n);
    const address = await world.wallet('late', 'ETH');
    await world.follow();
    await hide(address);
    await world.node.send({ to: address, wei: ETH });
    await world.node.sendToken(world.usdx, address, 2_000_000n);
    await world.node.mine(3);
    await world.follow();
    expect(await inclusions(address)).toBe(0);

    await world.wallet('late-usdx', 'USDX', 'late');
    expect(await lookAtNewAddresses(deps())).toBe(1);
    expect(await lookAtNewAddresses(deps())).toBe(0);
    await lookUntilDone();
    expect(await inclusions(address)).toBe(2);
    const { rescans } = await status();
    expect(rescans).toMatchObject([
      { requestedBy: 'watcher', found: 2, fault: null, next: (await cursor()) + 1 },
    ]);
    expect(rescans[0]?.reason).toMatch(/had ETH, USDX before/);
    expect(rescans[0]?.finishedAt).not.toBeNull();
  });

  it('costs no rescan where all that lies there is known, or nothing does', async () => {
    await world.follow();
    const address = await world.wallet('in-time', 'ETH');
    await world.wallet('empty', 'ETH');
    await world.node.send({ to: address, wei: ETH });
    await world.follow();
    expect(await lookAtNewAddresses(deps())).toBe(2);
    expect((await status()).rescans).toEqual([]);
  });
});

describe('a rescan', () => {
  it.each<[string, FaultInput]>([
    ['says so', { kind: 'error', code: 4444, message: 'pruned history unavailable' }],
    ['has nothing there', { kind: 'answer', result: null }],
  ])('of blocks that the node has thrown away is given up: it %s', async (_, fault) => {
    await world.node.mine(9);
    await world.follow();
    const proxy = await startProxy({ upstreams: [world.rpcUrl] });
    atFileEnd(() => proxy.stop());
    const methods = ['eth_getBlockByNumber'];
    proxy.add({ ...fault, methods, containing: '"0x3"' });
    const again = createRescanner({ ...deps(), port: await connectEvm(proxy.url) });
    await ask({ from: 1, to: 8 });
    await ask({ from: 5, to: 6 });
    for (let turns = 0; turns < 100; turns++) {
      await again().catch((error: unknown) => expect(error).toBeInstanceOf(ChainUnavailable));
    }
    const [after, first] = (await status()).rescans;
    expect(first).toMatchObject({ next: 3, fault: expect.stringMatching(/pruned|no block 3/) });
    // What was asked for later is not held up by it for ever.
    expect(after).toMatchObject({ next: 7, fault: null, finishedAt: expect.any(String) });
  });

  it('reads blocks from before the first that was followed, and none twice', async () => {
    const address = await world.wallet('before', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.node.mine(40);
    await world.follow();
    const asked = await ask({ from: 1, to: null });
    expect(asked).toMatchObject({ from: 1, to: await cursor(), next: 1, found: 0 });
    await lookUntilDone();
    expect(await inclusions(address)).toBe(1);
    await ask({ txid });
    await ask({ from: 1, to: 5 });
    await lookUntilDone();
    await rescanTransaction(world.db, world.port, txid);
    expect(await inclusions(address)).toBe(1);
    expect((await status()).rescans.map(({ found }) => found)).toEqual([0, 0, 1]);
    expect(await world.value('select array_agg(kind order by id) from chain_tasks')).toEqual([
      'open',
      'credit',
    ]);
  });

  it('is refused for blocks that come in their turn and transactions in no block', async () => {
    await expect(ask({ from: 0, to: null })).rejects.toThrow(/No block .* was read yet/);
    await world.follow();
    await expect(ask({ from: 10_000, to: null })).rejects.toThrow(/comes in its turn/);
    await expect(ask({ from: 3, to: 2 })).rejects.toThrow(/lies above/);
    await expect(ask({ txid: `0x${'12'.repeat(32)}` })).rejects.toThrow(/it is unknown/);
  });

  it('waits while the node shows another chain, and goes on afterwards', async () => {
    await world.follow();
    await world.node.mine(5);
    await world.follow();
    await ask({ from: 1, to: null });
    await world.node.reorg(1);
    await lookUntilDone();
    expect((await status()).rescans).toMatchObject([{ next: 1, finishedAt: null }]);
    await world.follow();
    await lookUntilDone();
    expect((await status()).rescans[0]?.finishedAt).not.toBeNull();
  });
});

describe('a chain that was halted', () => {
  it('goes on by a rescan with its reason, on the branch that the node has', async () => {
    await world.node.mine(5);
    await world.follow();
    const address = await world.wallet('gone', 'ETH');
    await world.node.send({ to: address, wei: ETH });
    await world.node.mine(4);
    await world.follow();
    const before = await cursor();
    await world.node.reorg(5);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });

    // Too high: the parting lies below.
    await ask({ from: before - 1, to: null }, true);
    await lookUntilDone();
    expect((await status()).rescans[0]?.fault).toMatch(/leaves the stored one below block/);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });

    await ask({ from: before - 1, to: null }, true);
    const { port } = world;
    // Whoever has the lease by the time that the fork is found may have another node.
    const blockByHeight: typeof port.blockByHeight = async (height) => {
      await world.db.query("update chains set leased_by = 'next'");
      return port.blockByHeight(height);
    };
    await createRescanner({ ...deps(), port: { ...port, blockByHeight } })();
    expect((await status()).rescans[0]?.fault).toBeNull();
    await world.db.query("update chains set leased_by = 'test'");
    await lookUntilDone();
    expect((await status()).rescans[0]?.fault).toMatch(/leaves the stored one below block/);

    await ask({ from: before - 6, to: null }, true);
    expect(await lookAgain()).toBe(true);
    expect((await status()).halts).toMatchObject([
      { endedBy: 'ann', endedWhy: 'a customer asks', until: expect.stringContaining('Z') },
    ]);
    expect(await cursor()).toBe(before - 5);
    expect(await world.follow()).toMatchObject({ turn: 'idle', cursor: before });
    await lookUntilDone();
    expect((await status()).rescans[0]).toMatchObject({ fault: null, next: before + 1 });
    expect(await world.value('select bool_or(canonical) from chain_inclusions')).toBe(false);
  });

  it('goes on where the node has none of the stored blocks, from below the first one', async () => {
    await world.node.mine(5);
    await world.follow();
    // It began here, at a head that was dropped, and lower blocks were read again.
    const before = await cursor();
    const { owner } = world.database;
    await owner.query('delete from chain_blocks where height < $1', [before]);
    await ask({ from: 1, to: 1 });
    await lookUntilDone();
    const address = await world.wallet('gone', 'ETH');
    await world.node.send({ to: address, wei: ETH });
    await world.follow();
    await world.node.reorg(3);
    // Where nothing was final, it could go back to what was read again, and would read all since.
    await owner.query('update chains set finalized_height = null');
    const stops = `The node's chain has none of the 2 stored blocks down to ${before}.`;
    expect(await world.follow()).toEqual({ turn: 'halted', reasons: [stops] });
    await ask({ from: before + 1, to: null }, true);
    await lookUntilDone();
    expect((await status()).rescans[0]?.fault).toMatch(/below block \d+: look .* lower block/);
    await ask({ from: before, to: null }, true);
    expect(await lookAgain()).toBe(true);
    expect(await cursor()).toBe(before - 1);
    expect(await world.follow()).toMatchObject({ turn: 'idle', cursor: before + 1 });
    expect(await world.value('select bool_or(canonical) from chain_inclusions')).toBe(false);
    await world.node.reorg(2);
    expect(await world.follow(), 'it has a block to go back to').toMatchObject({ turn: 'idle' });
  });

  it('is so where a block cannot be traced, and goes on when the node is mended', async () => {
    const proxy = await startProxy({ upstreams: [world.rpcUrl] });
    atFileEnd(() => proxy.stop());
    const address = await world.wallet('untraced', 'ETH');
    await world.follow();
    const before = await cursor();
    // A token transfer: code ran, so the block has to be traced.
    await world.giveStranger(1_000_000n);
    await world.node.send({ to: address, wei: ETH });
    await world.node.sendToken(world.usdx, address, 1_000_000n);
    await world.node.mine();
    const methods = ['debug_traceBlockByHash'];
    const port = await connectEvm(proxy.url);
    proxy.add({ kind: 'error', methods, message: 'missing trie node' });
    await world.db.query('update chains set leased_until = now()');
    const follow = world.follower('traced', port);
    for (let turn = 1; turn < 10; turn++)
      await expect(follow()).rejects.toThrow(/cannot be traced/);
    // What lies below was stored, and nothing above.
    expect(await cursor()).toBe(before + 1);
    expect(await follow()).toMatchObject({ turn: 'halted' });
    expect((await status()).halts[0]?.reason).toMatch(/cannot be traced: missing trie node/);
    proxy.clear();
    await ask({ from: await cursor(), to: null }, true);
    await createRescanner({ ...deps(), watch: { chain: port.chain, holder: 'traced' } })();
    expect(await follow()).toMatchObject({ turn: 'idle', cursor: before + 3 });
    expect(await inclusions(address)).toBe(2);
  });
});

/** Following a chain through a node on a bad day: nothing is left out, nothing is made up. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import { type FaultProxy, startProxy } from '../../src/chains/faults/proxy.ts';
import type { FaultInput } from '../../src/chains/faults/script.ts';
import { ChainUnavailable } from '../../src/contracts/chain.ts';
import { OtherGenesis, type Turn } from '../../src/watchers/follow.ts';
import { atFileEnd } from '../support/borrow.ts';
import { anotherChain, type ChainWorld, createChainWorld, XPUB } from './chainWorld.ts';
import { type Node, openNode } from './node.ts';

const ETH = 10n ** 18n;
/** The client of the adapter tries a call once more by itself. */
const TRIES = 2;

let world: ChainWorld;
let proxy: FaultProxy;
let other: Node;
let turn: () => Promise<Turn>;

const cursor = () => world.value<number>('select cursor_height::integer from chains');
const reorgs = () => world.value<number>('select reorgs::integer from chains');
const seen = (to: string) =>
  world.value<string[] | null>(
    `select array_agg(ordinal order by id) from chain_inclusions
     where to_address = $1 and canonical`,
    to,
  );
/** No canonical block is missing, and each stands on the one below it. */
const isWhole = () =>
  world.value<boolean>(`select count(*) = max(height) - min(height) + 1
      and bool_and(height = (select min(height) from chain_blocks where canonical)
        or exists (select from chain_blocks p
          where p.canonical and p.height = b.height - 1 and p.hash = b.parent_hash))
    from chain_blocks b where canonical`);

async function turns(count: number): Promise<Turn> {
  let last = await turn();
  for (let each = 1; each < count; each++) last = await turn();
  return last;
}

beforeEach(async () => {
  world = await createChainWorld();
  const second = await anotherChain(world.port);
  other = openNode(second);
  proxy = await startProxy({ upstreams: [world.rpcUrl, second], seed: 7 });
  atFileEnd(() => proxy.stop());
  turn = world.follower('test', await connectEvm(proxy.url));
  await turn();
});

describe('a block is taken whole or not at all', () => {
  it.each<[string, FaultInput]>([
    ['has no logs yet', { kind: 'partial', methods: ['eth_getLogs'], keep: 0, times: TRIES }],
    ['has half of the logs', { kind: 'partial', methods: ['eth_getLogs'], keep: 1, times: TRIES }],
    ['says that logs were removed', { kind: 'removed', methods: ['eth_getLogs'], times: TRIES }],
    ['has half of the receipts', { kind: 'partial', methods: ['eth_getBlockReceipts'], keep: 1 }],
    ['has no receipts', { kind: 'answer', methods: ['eth_getBlockReceipts'], result: null }],
    ['lost the block', { kind: 'answer', methods: ['eth_getBlockByHash'], result: null }],
  ])('where the node %s', async (_, fault) => {
    const address = await world.wallet('token', 'USDX');
    await world.giveStranger(10_000_000n);
    await world.node.automine(false);
    for (const units of [1n, 2n]) await world.node.sendToken(world.usdx, address, units);
    await world.node.mine();
    const before = await cursor();
    const set = proxy.add(fault);
    await expect(turns(3)).rejects.toThrow(ChainUnavailable);
    expect(set.strikes).toBeGreaterThan(0);
    expect(await cursor()).toBeLessThan((await world.node.height()) || before);
    expect(await seen(address)).toBeNull();
    proxy.clear();
    await turn();
    expect(await cursor()).toBe(await world.node.height());
    expect(await seen(address)).toEqual(['0', '0']);
  });

  it('where the node gives its blocks a bloom of zeros, as some chains do', async () => {
    const address = await world.wallet('token', 'USDX');
    await world.giveStranger(1_000_000n);
    await world.node.sendToken(world.usdx, address, 1n);
    const { hash } = await world.port.head();
    const block = await world.node.rpc<{ logsBloom: string }>('eth_getBlockByHash', hash, true);
    expect(block.logsBloom).toMatch(/[1-9a-f]/);
    const result = { ...block, logsBloom: `0x${'00'.repeat(256)}` };
    proxy.add({ kind: 'answer', methods: ['eth_getBlockByHash'], containing: hash, result });
    await turn();
    expect(await cursor()).toBe(await world.node.height());
    expect(await seen(address)).toEqual(['0']);
  });

  it('where calls fail at random, and in the end no block is missing', async () => {
    const address = await world.wallet('noisy', 'ETH');
    for (let part = 0; part < 5; part++) {
      await world.node.send({ to: address, wei: ETH });
      await world.node.mine(5);
    }
    proxy.add({ kind: 'status', status: 429, chance: 0.02 });
    proxy.add({ kind: 'status', status: 503, chance: 0.02 });
    proxy.add({ kind: 'dropAfter', chance: 0.02 });
    proxy.add({ kind: 'delay', milliseconds: 5, chance: 0.2 });
    proxy.add({ kind: 'error', message: 'header not found', chance: 0.02 });
    let failures = 0;
    for (let each = 0; (await cursor()) < (await world.node.height()); each++) {
      if (each === 200) throw new Error('It does not come to an end.');
      await turn().catch((error: unknown) => {
        if (!(error instanceof ChainUnavailable)) throw error;
        failures += 1;
      });
    }
    expect(failures).toBeGreaterThan(0);
    expect(await isWhole()).toBe(true);
    expect(await seen(address)).toHaveLength(5);
  });
});

it('keeps its lease while the node takes long for a block', async () => {
  await world.node.mine();
  proxy.add({ kind: 'delay', methods: ['eth_getBlockByHash'], milliseconds: 3_000 });
  const turning = turn();
  await world.node.mine();
  const isHeld = 'select leased_until > clock_timestamp() from chains';
  await world.database.owner.query('update chains set leased_until = clock_timestamp()');
  await expect.poll(() => world.value(isHeld), { timeout: 2_900 }).toBe(true);
  expect(await turning).toMatchObject({ turn: 'idle' });
});

it('keeps its lease while a slow node is asked where a deep fork lies', async () => {
  // Else so many blocks are final here.
  for (const tag of ['safe', 'finalized']) {
    proxy.add({ kind: 'answer', methods: ['eth_getBlockByNumber'], containing: tag, result: null });
  }
  await world.database.owner.query('update chains set safe_height = null, finalized_height = null');
  await world.node.mine(8);
  await turn();
  await world.node.reorg(8);
  // One question after the other: longer than a lease lasts.
  proxy.add({ kind: 'delay', methods: ['eth_getBlockByNumber'], from: 3, milliseconds: 700 });
  const standingBy = world.follower('other', await connectEvm(world.rpcUrl));
  const turning = turn();
  let isOver = false;
  void turning.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    expect(await standingBy()).toMatchObject({ turn: 'standby' });
    await sleep(100);
  }
  expect(await turning).toMatchObject({ turn: 'behind', rewound: 8 });
});

describe('the head', () => {
  it('stands still and then jumps: nothing is left out, nothing reorganised', async () => {
    const address = await world.wallet('jump', 'ETH');
    await world.node.mine(5);
    await turn();
    const stale = proxy.add({ kind: 'staleHead', behind: 2 });
    await turn();
    await world.node.send({ to: address, wei: ETH });
    await world.node.mine(10);
    await turns(2);
    expect(await seen(address)).toBeNull();
    stale.lift();
    await turn();
    expect(await cursor()).toBe(await world.node.height());
    expect(await seen(address)).toEqual(['native']);
    expect(await reorgs()).toBe(0);
    expect(await isWhole()).toBe(true);
  });

  it('goes down for good without a new one: what lay above is dropped', async () => {
    const address = await world.wallet('down', 'ETH');
    await world.node.mine(3);
    await world.node.send({ to: address, wei: ETH });
    await turn();
    expect(await seen(address)).toEqual(['native']);
    await world.node.rollback(1);
    await turns(6);
    expect(await reorgs()).toBe(1);
    expect(await cursor()).toBe(await world.node.height());
    expect(await seen(address)).toBeNull();
  });
});

describe('two nodes behind one address', () => {
  /** The second node gets the first one's chain, and both may go on from there. */
  async function copy(): Promise<void> {
    await other.rpc('anvil_loadState', await world.node.rpc('anvil_dumpState', true));
    // Each anvil has a block 0 of its own making.
    proxy.add({ kind: 'upstream', upstream: 0, containing: '["0x0"' });
  }

  it('change places, A → B → A: each time the branch that is told counts', async () => {
    const address = await world.wallet('flip-flop', 'ETH');
    await world.node.mine(3);
    await turn();
    await copy();
    const sent = await world.node.send({ to: address, wei: ETH });
    await other.mine(2);
    await turn();
    const tip = await world.node.rpc<{ hash: string }>('eth_getBlockByNumber', 'latest', false);
    expect(await seen(address)).toEqual(['native']);

    const swapped = proxy.add({ kind: 'upstream', upstream: 1 });
    proxy.add({ kind: 'upstream', upstream: 0, containing: '["0x0"' });
    await turns(3);
    expect(await seen(address)).toBeNull();
    expect(await cursor()).toBe(await other.height());

    swapped.lift();
    await world.node.mine(2);
    await turns(3);
    const inclusions = await world.value<object[]>(
      `select json_agg(json_build_object('no', inclusion_no, 'canonical', canonical) order by id)
       from chain_inclusions where txid = $1`,
      sent.txid,
    );
    expect(inclusions).toEqual([
      { no: 1, canonical: false },
      { no: 2, canonical: true },
    ]);
    const again = 'select canonical from chain_blocks where hash = $1';
    expect(await world.value(again, tip.hash)).toBe(true);
    expect(await isWhole()).toBe(true);
    expect(await world.value('select count(*)::integer from chain_halts')).toBe(0);
  });

  it('answer in turns, one of them behind: no reorganisation is seen', async () => {
    const address = await world.wallet('behind', 'ETH');
    await world.node.mine(3);
    await copy();
    await turn();
    await world.node.send({ to: address, wei: ETH });
    await world.node.mine(2);
    const methods = ['eth_getBlockByNumber'];
    const mixed = proxy.add({ kind: 'upstream', upstream: 1, chance: 0.3, methods });
    let whole = 0;
    for (let each = 0; each < 12; each++) {
      await turn().then(
        () => whole++,
        (error: unknown) => expect(error).toBeInstanceOf(ChainUnavailable),
      );
    }
    expect([mixed.strikes, whole].every((count) => count > 0)).toBe(true);
    expect(await reorgs()).toBe(0);
    proxy.clear();
    await turn();
    expect(await cursor()).toBe(await world.node.height());
    expect(await seen(address)).toEqual(['native']);
  });

  it('are of two chains: said in clear words, and nothing is dropped', async () => {
    await world.node.mine(5);
    await turn();
    const before = await cursor();
    await other.mine(30);
    proxy.add({ kind: 'upstream', upstream: 1 });
    const genesis = await other.rpc<object>('eth_getBlockByNumber', '0x0', false);
    // Two anvils that were started within a second have the same.
    const result = { ...genesis, hash: `0x${'ab'.repeat(32)}` };
    proxy.add({ kind: 'answer', containing: '["0x0"', result });
    await expect(turns(6)).rejects.toThrow(OtherGenesis);
    expect(await cursor()).toBe(before);
    expect(await world.value('select bool_and(canonical) from chain_blocks')).toBe(true);
    const port = await connectEvm(proxy.url);
    await expect(world.follower('test', port)()).rejects.toThrow(
      /another chain.*another database/s,
    );
    const door = createChainDoor({ db: world.db, chain: async () => port, xpub: XPUB });
    expect(await door.missing()).toMatch(/another chain/);
  });
});

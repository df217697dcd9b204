/** The follower: no block left out, one at a time, and a stop where only a person can go on. */
import { beforeEach, describe, expect, it } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { BlockUnreadable, type ChainPort } from '../../src/chains/port.ts';
import { rescanTransaction } from '../../src/chains/rescan.ts';
import { createFollower } from '../../src/watchers/follow.ts';
import { type ChainWorld, createChainWorld, log, XPUB } from './chainWorld.ts';

const ETH = 10n ** 18n;
let world: ChainWorld;

const cursor = () => world.value<number>('select cursor_height::integer from chains');
const halts = () =>
  world.value<string[] | null>('select array_agg(reason) from chain_halts where until is null');
const inclusions = (to: string) =>
  world.value<number>('select count(*)::integer from chain_inclusions where to_address = $1', to);

/** A follower over a node that is as it says. */
const followerOver = (port: ChainPort, startHeight: number | null = null) =>
  createFollower({
    db: world.db,
    port,
    watch: { chain: port.chain, holder: 'other' },
    startHeight,
    log,
  });

beforeEach(async () => {
  world = await createChainWorld();
});

describe('following', () => {
  it('begins at the last final block, or at the block that it is told', async () => {
    const head = await world.node.height();
    const final = (await world.port.finality()).finalized?.height;
    expect(final).toBe(head - 2);
    await world.follow();
    expect(await cursor()).toBe(head);
    expect(await world.value('select min(height)::integer from chain_blocks')).toBe(final);
    const told = await createChainWorld();
    world = told;
    await followerOver(told.port, 1)();
    expect(await world.value('select min(height)::integer from chain_blocks')).toBe(1);
  });

  it('is not halted by a head that is dropped right after it began', async () => {
    await world.follow();
    await world.node.reorg(1);
    expect(await world.follow()).toMatchObject({ turn: 'idle', cursor: await world.node.height() });
    expect(await halts()).toBeNull();
  });

  it('catches up 500 blocks without leaving one out', async () => {
    const address = await world.wallet('catching-up', 'ETH');
    await world.follow();
    const first = (await cursor()) ?? 0;
    for (let part = 0; part < 5; part++) {
      await world.node.send({ to: address, wei: ETH });
      await world.node.mine(99);
    }
    await world.follow();
    expect(await cursor()).toBe(first + 500);
    // With the one that was the cursor, and the two that it stood on.
    expect(await world.value('select count(*)::integer from chain_blocks where canonical')).toBe(
      503,
    );
    expect(await inclusions(address)).toBe(5);
    const broken = `select count(*)::integer from chain_blocks b join chain_blocks p
      on p.height = b.height - 1 where p.hash <> b.parent_hash`;
    expect(await world.value(broken)).toBe(0);
  });
});

describe('the lease', () => {
  it('lets one watcher write and the other stand by, until it runs out', async () => {
    await world.follow();
    const other = world.follower('other');
    expect(await other()).toMatchObject({
      turn: 'standby',
      reason: expect.stringContaining('test'),
    });
    await world.node.mine();
    await world.db.query('update chains set leased_until = now()');
    expect(await other()).toMatchObject({ turn: 'idle', cursor: await world.node.height() });
    expect(await world.follow()).toMatchObject({ turn: 'standby' });
  });

  it('keeps a watcher that lost it from writing', async () => {
    await world.follow();
    const { height, hash } = await world.port.head();
    const written = (holder: string, ...blocks: object[]) =>
      world.value<number>(
        'select chain_write_blocks($1, $2, $3)',
        world.port.chain,
        holder,
        JSON.stringify(blocks.map((block) => ({ ...block, deposits: [], outcomes: [] }))),
      );
    const next = { height: height + 1, hash: '0xnext', parentHash: hash };
    const after = { height: height + 2, hash: '0xafter', parentHash: '0xnext' };
    const astray = { height: height + 3, hash: '0xastray', parentHash: '0xother' };
    expect(await written('late', next)).toBe(0);
    expect(await written('test', after)).toBe(0);
    expect(await written('test', { ...next, parentHash: '0xother' })).toBe(0);
    expect(await written('test', next, after, astray)).toBe(2);
    expect(await cursor()).toBe(height + 2);
  });
});

describe('a watcher that loses its lease while it looks stops nothing', () => {
  /** What the node says then; meanwhile another watcher takes the lease. */
  const deposed = async () => {
    await world.db.query("update chains set leased_by = 'next', leased_until = 'infinity'");
  };

  beforeEach(async () => {
    await world.follow();
    await world.db.query('update chains set leased_until = now()');
  });

  it('where its node has none of the stored blocks', async () => {
    const blockByHeight: ChainPort['blockByHeight'] = async (height) => {
      await deposed();
      return { height, hash: '0xother', parentHash: '0xother' };
    };
    const head = async () => ({ ...(await world.port.head()), hash: '0xother' });
    await followerOver({ ...world.port, head, blockByHeight })();
    expect(await halts()).toBeNull();
  });

  it('where its node cannot tell a block whole', async () => {
    await world.node.mine();
    let turns = 0;
    const eventsOf: ChainPort['eventsOf'] = async ({ height, hash }) => {
      turns += 1;
      if (turns === 10) await deposed();
      throw new BlockUnreadable(height, hash, 'no traces');
    };
    const turn = followerOver({ ...world.port, eventsOf });
    for (let each = 1; each < 10; each++) await expect(turn()).rejects.toThrow(BlockUnreadable);
    expect(await turn()).toMatchObject({ turn: 'standby' });
    expect(await halts()).toBeNull();
  });
});

describe('stops until a person has looked', () => {
  it('where a final block is no longer there', async () => {
    await world.node.mine(5);
    await world.follow();
    await world.node.mine(5);
    await world.follow();
    expect(await halts()).toBeNull();
    await world.node.reorg(4);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });
    expect((await halts())?.[0]).toMatch(/was final/);
    const before = await cursor();
    await world.node.mine(3);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });
    expect(await cursor()).toBe(before);
    const door = createChainDoor({ db: world.db, chain: world.chain, xpub: XPUB });
    expect(await door.missing()).toBe('stands still: GET /v1/chains says why');
  });
});

it('finds a payment to an address that was handed out later, once, when asked for it', async () => {
  const address = await world.wallet('late', 'ETH');
  await world.follow();
  await world.database.owner.query('alter table deposit_addresses disable trigger all');
  await world.database.owner.query('update deposit_addresses set address = address || $1', ['x']);
  const { txid } = await world.node.send({ to: address, wei: ETH });
  await world.node.mine(3);
  await world.follow();
  expect(await inclusions(address)).toBe(0);
  await world.database.owner.query("update deposit_addresses set address = rtrim(address, 'x')");
  for (let each = 0; each < 2; each++) await rescanTransaction(world.db, world.port, txid);
  expect(await inclusions(address)).toBe(1);
  expect(await world.value('select array_agg(kind order by id) from chain_tasks')).toEqual([
    'open',
    'credit',
  ]);
});

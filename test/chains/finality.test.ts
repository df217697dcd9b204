/** When a deposit is credited: by rules over asset, amount and source, never without finality. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { handOutAddress } from '../../src/chains/depositAddresses.ts';
import { openChainDeposit, readDepositProgress } from '../../src/chains/deposits.ts';
import { createChainDoor } from '../../src/chains/door.ts';
import { deleteFinalityRule, putFinalityRule } from '../../src/chains/finalityRules.ts';
import type { FinalityRule } from '../../src/contracts/resources.ts';
import { patchAsset } from '../../src/ledger/assets.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { observeReorgs } from '../../src/watchers/reorgMetrics.ts';
import { XPUB } from './chainWorld.ts';
import { type Sent, STRANGER } from './node.ts';
import { createReorgWorld, ETH, type ReorgWorld } from './reorgWorld.ts';

const SOURCE = STRANGER.address.toLowerCase();
/** Until the follower believes a head that has gone down. */
const TURNS_TO_BELIEVE = 5;
let world: ReorgWorld;

beforeAll(async () => {
  world = await createReorgWorld();
});

afterEach(async () => {
  await world.database.owner.query('delete from finality_rules');
  // What came before shall not count with what comes next.
  await world.database.owner.query(
    "update chain_inclusions set created_at = created_at - interval '3 hours'",
  );
});

const put = (rule: Partial<FinalityRule> & { id: string }) =>
  putFinalityRule(world.db, {
    asset: 'ETH',
    priority: 100,
    minAmount: null,
    source: null,
    credit: 1,
    final: null,
    ...rule,
  });

/** A deposit in a block, opened and not credited. */
async function arrived(units: bigint, wallet?: string) {
  const to = wallet ?? (await world.open());
  const address = await world.wallet(to, 'ETH');
  const { txid } = await world.node.send({ to: address, wei: units });
  await world.follow();
  const { id, groupId } = await world.lastInclusion(txid);
  await openChainDeposit(world.db, id);
  return { wallet: to, txid, id, groupId };
}

const ruleOf = async (inclusion: string) =>
  (await readDepositProgress(world.db, inclusion))?.finality;

describe('a rule', () => {
  it('that fits first decides, and stands on the group; else the asset does', async () => {
    await put({ id: 'large', priority: 1, minAmount: '100', credit: 'finalized', final: 5 });
    await put({ id: 'known', priority: 2, source: SOURCE, credit: 1, final: 'safe' });
    await put({ id: 'b-late', priority: 3, credit: 7 });
    const small = await arrived(ETH);
    expect(await ruleOf(small.id)).toEqual({ rule: 'known', credit: 1, final: 'safe' });
    expect((await readGroup(world.db, small.groupId))?.metadata).toMatchObject({
      finality: { rule: 'known', credit: 1, final: 'safe' },
    });
    expect(await world.book(small.txid)).toMatchObject({ outcome: 'done' });
    const large = await arrived(100n * ETH);
    expect(await ruleOf(large.id)).toEqual({ rule: 'large', credit: 'finalized', final: 5 });
    await world.database.owner.query('delete from finality_rules');
    const plain = await arrived(ETH);
    expect(await ruleOf(plain.id)).toEqual({ rule: null, credit: 2, final: 'finalized' });
  });

  it('of finality credits at the very block that is final, not one before', async () => {
    await put({ id: 'final', credit: 'finalized' });
    const { txid, id } = await arrived(ETH);
    const finalHeight = () => world.value<number>('select finalized_height::integer from chains');
    const height = await world.node.height();
    while ((await finalHeight()) < height) {
      expect(await world.book(txid)).toMatchObject({
        why: 'its block is not finalized yet, which rule final asks for',
      });
      await world.node.mine();
      await world.follow();
    }
    expect(await world.book(txid)).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
    expect(await world.tasks('credit', id)).toBe(1);
  });

  it('of what is safe waits anew where the chain turned back below what was', async () => {
    await put({ id: 'safe', credit: 'safe' });
    const to = await world.wallet(await world.open(), 'ETH');
    await world.node.mine(3);
    await world.follow();
    expect(await world.value('select safe_height > finalized_height from chains')).toBe(true);
    // The new branch has only begun, so that its only block lies where a safe one was.
    await world.node.rollback(2);
    const { txid } = await world.node.send({ to, wei: ETH });
    for (let turn = 0; turn < TURNS_TO_BELIEVE; turn++) await world.follow();
    expect(await world.book(txid)).toMatchObject({ outcome: 'waiting' });
    await world.node.mine(2);
    expect(await world.book(txid)).toMatchObject({ outcome: 'done' });
  });

  it('that changes while a deposit waits is followed at once, as the timeline tells', async () => {
    const { groupId, id, txid } = await arrived(ETH);
    await put({ id: 'strict', credit: 50 });
    await world.node.mine(3);
    expect(await world.book(txid)).toMatchObject({
      why: 'it has 4 of 50 confirmations, which rule strict asks for',
    });
    expect(await world.events(groupId)).toContain('chain.finality_rule');
    await deleteFinalityRule(world.db, 'strict');
    expect(await ruleOf(id)).toMatchObject({ rule: null });
    expect(await world.book(txid)).toMatchObject({ outcome: 'done' });
    const facts = (await readTimeline(world.db, groupId)).filter(
      ({ event }) => event === 'chain.finality_rule',
    );
    expect(facts.map(({ detail }) => detail.rule)).toEqual(['strict', null]);
  });
});

it("a change of the asset's own values is followed at once by what waits", async () => {
  const { id, txid } = await arrived(ETH);
  await patchAsset(world.db, 'ETH', { confirmations: 40 });
  await world.node.mine(2);
  await world.follow();
  expect(await world.tasks('credit', id)).toBe(0);
  expect(await world.decide(txid)).toMatchObject({ why: 'it has 3 of 40 confirmations' });
  await patchAsset(world.db, 'ETH', { confirmations: 2 });
  await world.node.mine();
  await world.follow();
  expect(await world.tasks('credit', id)).toBe(1);
  expect(await world.decide(txid)).toMatchObject({ outcome: 'done' });
});

describe('a large deposit that is split', () => {
  it('among a hundred payments to one owner waits as the large one would', async () => {
    await put({ id: 'large', minAmount: '1', credit: 'finalized' });
    const wallet = await world.open();
    const parts: Sent[] = [];
    await world.node.automine(false);
    const address = await world.wallet(wallet, 'ETH');
    for (let part = 0; part < 100; part++) {
      parts.push(await world.node.send({ to: address, wei: ETH / 100n }));
    }
    await world.node.mine(2);
    await world.node.automine(true);
    await world.follow();
    // Deep enough for each of them alone.
    const tryAll = () => Promise.all(parts.map(({ txid }) => world.decide(txid)));
    expect(new Set((await tryAll()).map(({ outcome }) => outcome))).toEqual(new Set(['waiting']));
    const { id } = await world.lastInclusion(parts[0]?.txid ?? '');
    expect(await readDepositProgress(world.db, id)).toMatchObject({ confirmations: 2 });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', pendingIn: '1' });
    await world.node.mine(3);
    await world.follow();
    await tryAll();
    expect(await world.balance(wallet)).toMatchObject({ available: '1', pendingIn: '0' });
  });

  it('among the wallets of many from one source waits too, once the sum is reached', async () => {
    await put({ id: 'large', minAmount: '3', credit: 'finalized' });
    const first = await arrived(ETH);
    const second = await arrived(ETH);
    expect(await ruleOf(first.id)).toMatchObject({ rule: null });
    const third = await arrived(ETH);
    for (const { id } of [first, second, third]) {
      expect(await ruleOf(id)).toMatchObject({ rule: 'large' });
    }
  });

  it('among the addresses of one owner and many sources waits as well', async () => {
    await put({ id: 'large', minAmount: '3', credit: 'finalized' });
    const { wallet, id } = await arrived(2n * ETH);
    const other = 'update chain_inclusions set from_address = $2 where id = $1';
    await world.database.owner.query(other, [id, '0xsomebody']);
    const { address } = await handOutAddress(world.db, XPUB, { wallet: wallet, fresh: true });
    const first = 'select to_address from chain_inclusions where id = $1';
    expect(address.address.toLowerCase()).not.toBe(await world.value(first, id));
    const { txid } = await world.node.send({ to: address.address, wei: ETH });
    await world.follow();
    const second = await world.lastInclusion(txid);
    for (const inclusion of [id, second.id]) {
      expect(await ruleOf(inclusion)).toMatchObject({ rule: 'large' });
    }
  });

  it('over hours is taken for the small ones that they are', async () => {
    await put({ id: 'large', minAmount: '3', credit: 'finalized' });
    const { wallet } = await arrived(2n * ETH);
    await world.database.owner.query(
      "update chain_inclusions set created_at = created_at - interval '61 minutes'",
    );
    const { id } = await arrived(2n * ETH, wallet);
    expect(await ruleOf(id)).toMatchObject({ rule: null });
  });
});

it('credits nothing while blocks come and none becomes final, and goes on by itself', async () => {
  const { txid, id } = await arrived(ETH);
  await world.node.mine(2);
  await world.follow();
  // A node that tells no newer final block: what is known is as old as it was two hours ago.
  await world.database.owner.query(
    "update chains set finality_waits_since = now() - interval '2 hours'",
  );
  const progress = await readDepositProgress(world.db, id);
  expect(progress?.waitsFor).toMatch(/no block of .* has become final for 72\d\d s/);
  expect(await world.decide(txid)).toMatchObject({ outcome: 'waiting' });
  const door = createChainDoor({ db: world.db, chain: world.chain, xpub: XPUB });
  expect(await door.missing()).toMatch(/goes on without finality for 72\d\d seconds/);
  const { registry } = createMetrics();
  observeReorgs(registry, world.db);
  expect(await registry.metrics()).toMatch(/holdfast_chain_finality_wait_seconds\{.*\} 72\d\d/);
  await world.node.mine();
  expect(await world.book(txid)).toMatchObject({ outcome: 'done' });
  expect(await door.missing()).toBeNull();
});

it('counts the time from the first block that came without finality moving', async () => {
  const wait = () => world.value<string | null>('select finality_waits_since::text from chains');
  await world.node.mine(2);
  await world.follow();
  expect(await wait()).toBeNull();
  const grow = 'update chains set cursor_height = cursor_height + 1';
  await world.database.owner.query(grow);
  const since = await wait();
  expect(since).not.toBeNull();
  await world.database.owner.query(grow);
  expect(await wait()).toBe(since);
  await world.database.owner.query('update chains set finalized_height = finalized_height + 1');
  expect(await wait()).toBeNull();
});

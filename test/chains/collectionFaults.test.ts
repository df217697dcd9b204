/** Collections while the chain turns back, stalls or gets dear, and processes die in between. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { rescanTransaction } from '../../src/chains/rescan.ts';
import { collectOnce } from '../../src/collection/collect.ts';
import { abandonCollection } from '../../src/collection/collectionTables.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { speedUp } from '../../src/ledger/replaceAttempt.ts';
import { followWithdrawal, replaceWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import { HOT } from './chainWorld.ts';
import { type CollectWorld, createCollectWorld, ETH, groupOf, USDX } from './collectWorld.ts';
import { SHOP } from './payWorld.ts';

let world: CollectWorld;

beforeAll(async () => {
  world = await createCollectWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
  await world.db.query('delete from treasury_rules');
});

afterEach(async () => {
  await world.node.automine(true);
  await world.expectWhole();
});

/** Opened, signed, sent; where mining is automatic, in a block. */
async function sent(wallet: string): Promise<string> {
  await world.deposited(wallet, 'ETH', ETH);
  await world.rule('ETH', { min: '0.5' });
  const [id = ''] = await world.collect();
  await world.sign(id);
  await world.send(id);
  return id;
}

describe('what is left alone', () => {
  it('is dust, until there is enough of it', async () => {
    const address = await world.deposited('dust', 'ETH', ETH / 10n);
    await world.rule('ETH', { min: '0.15' });
    expect(await world.collect()).toEqual([]);
    await world.deposited('dust', 'ETH', ETH / 10n);
    const [group] = await world.collectAll();
    expect(group).toMatchObject({ status: 'SETTLED', metadata: { asset: 'ETH' } });
    expect(await world.coins(address)).toBeLessThan(ETH / 100n);
  });

  it('is what is credited and not final', async () => {
    await world.database.owner.query("update assets set final = '50' where code = 'ETH'");
    await world.deposited('young', 'ETH', ETH);
    await world.rule('ETH', { min: '0.5' });
    expect(await world.balance('young')).toMatchObject({ available: '1' });
    expect(await world.collect()).toEqual([]);
    await world.node.mine(50);
    expect(await world.collect()).toHaveLength(1);
    await world.database.owner.query("update assets set final = null where code = 'ETH'");
    for (const { id } of await open()) await world.pay(id);
  });

  it('is what would cost more than the rule allows', async () => {
    await world.deposited('dear', 'ETH', ETH);
    await world.rule('ETH', { min: '0.5', maxFee: '0.000000000001' });
    expect(await world.collect()).toEqual([]);
    await world.rule('ETH', { min: '0.5', maxFee: '0.01' });
    expect(await world.collectAll()).toHaveLength(1);
  });

  it('is all of an asset that is paused', async () => {
    await world.deposited('paused', 'ETH', ETH);
    await world.rule('ETH', { min: '0.5' });
    await world.db.query("update assets set withdrawals_paused = true where code = 'ETH'");
    expect(await world.collect()).toEqual([]);
    await world.db.query("update assets set withdrawals_paused = false where code = 'ETH'");
    expect(await world.collectAll()).toHaveLength(1);
  });
});

const open = async () => {
  const { rows } = await world.db.query<{ id: string }>(
    "select id from transfer_groups where kind = 'collection' and status = 'IN_PROGRESS'",
  );
  return rows;
};

it('that became dear before it was signed waits, ends by itself, and is opened anew', async () => {
  const address = await world.deposited('risen', 'ETH', ETH);
  await world.rule('ETH', { min: '0.5', maxFee: '0.001' });
  const [id = ''] = await world.collect();
  await world.node.rpc('anvil_setNextBlockBaseFeePerGas', '0x174876e8000');
  await world.node.mine();
  const { group, why } = await signWithdrawal(world.deps, id);
  expect(group.withdrawal?.state).toBe('awaiting_funds');
  expect(why).toMatch(/is allowed$/);
  expect(await abandonCollection(world.db, id, 3_600)).toBe(false);
  expect(await abandonCollection(world.db, id, 0)).toBe(true);
  expect(await groupOf(world, id)).toMatchObject({
    status: 'CANCELLED',
    reason: 'NOT_PAID_IN_TIME',
  });
  await world.node.rpc('anvil_setNextBlockBaseFeePerGas', '0x3b9aca00');
  await world.node.mine();
  const [next = ''] = await world.collect();
  expect(next).toBe(`collection:chain:${world.port.chain}:${address}:ETH:2`);
  expect(await world.pay(next)).toMatchObject({ status: 'SETTLED' });
});

it('is not ended by a clock or a person once it was signed', async () => {
  const id = await sent('signed');
  expect(await abandonCollection(world.db, id, 0)).toBe(false);
  const step = { groupId: id, actor: SHOP, reason: 'no', amount: null, final: true };
  const released = await releaseWithdrawal(world.db, { ...step, stepKey: 'release:shop:1' });
  expect(released).toMatchObject({ outcome: 'refused', refusal: { code: 'WRONG_KIND' } });
  await world.node.mine(3);
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
});

it('needs nobody’s approval, and is no withdrawal to the limits', async () => {
  await world.db.query(`insert into approval_rules (id, asset, from_amount, approvals)
    values ('all', 'ETH', 0, 1)`);
  await world.db.query(`insert into open_limits (id, asset, most_withdrawals)
    values ('one', 'ETH', 1)`);
  const id = await sent('approved');
  expect(await groupOf(world, id)).toMatchObject({ withdrawal: { state: 'broadcast' } });
  expect((await groupOf(world, id)).withdrawal).not.toHaveProperty('approval');
  await world.db.query('delete from approval_rules');
  await world.look(id);
  // The one that is allowed: the collection, whose fee is held now, does not count.
  const { id: withdrawal } = await world.withdraw('ETH', '1');
  await world.db.query('delete from open_limits');
  const step = { groupId: withdrawal, actor: SHOP, reason: 'no', amount: null, final: true };
  await releaseWithdrawal(world.db, { ...step, stepKey: 'release:shop:2' });
  await world.node.mine(3);
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
});

it('is sent again as the same bytes where its block is dropped, and costs once', async () => {
  const id = await sent('dropped');
  expect((await world.look(id)).withdrawal?.state).toBe('in_block');
  await world.node.reorg(1);
  await world.follow();
  const dropped = await world.look(id);
  expect(dropped).toMatchObject({ status: 'IN_PROGRESS', withdrawal: { state: 'broadcast' } });
  expect(dropped.legs.filter(({ remaining }) => remaining !== '0')).toEqual([]);
  await world.send(id);
  await world.look(id);
  await world.node.mine(3);
  const settled = await world.look(id);
  expect(settled).toMatchObject({ status: 'SETTLED' });
  expect(settled.legs.filter(({ settled: amount }) => amount !== '0')).toHaveLength(2);
  expect(settled.withdrawal?.attempts).toHaveLength(1);
});

it('that no block takes gets a higher fee, out of what was set aside for it', async () => {
  await world.deposited('stuck', 'ETH', ETH);
  await world.rule('ETH', { min: '0.5' });
  const [id = ''] = await world.collect();
  await world.node.automine(false);
  await world.sign(id);
  await world.send(id);
  await world.follow();
  const bumping = { ...world.deps, bumpAfterSeconds: 0 };
  expect((await followWithdrawal(bumping, id)).replace).toBe(true);
  expect(await replaceWithdrawal(bumping, id)).toMatchObject({ why: null });
  expect((await world.send(id)).withdrawal).toMatchObject({ state: 'replacing' });
  // By hand too; what is set aside bounds it.
  const asked = { groupId: id, stepKey: 'speedUp:shop:1', actor: SHOP, maxFee: null };
  expect(await speedUp(world.db, asked)).toMatchObject({ outcome: 'done' });
  let why: string | null = null;
  for (let bumps = 0; bumps < 30 && why === null; bumps++) {
    ({ why } = await replaceWithdrawal(bumping, id));
    await world.send(id);
  }
  expect(why).toMatch(/not raised/);
  const dearest = 'select max(max_fee) <= $2 from withdrawal_attempts where group_id = $1';
  const { metadata } = await groupOf(world, id);
  expect(await world.value(dearest, id, metadata.maxFee)).toBe(true);
  await world.node.automine(true);
  await world.node.mine(4);
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
});

it('is opened once by any number of workers at once, and signed with one nonce', async () => {
  await world.deposited('twoA', 'ETH', ETH);
  await world.deposited('twoB', 'ETH', ETH);
  await world.rule('ETH', { min: '0.5' });
  await world.follow();
  const opened = await Promise.all([1, 2, 3, 4].map(() => collectOnce(world.collecting)));
  expect(opened.flat()).toHaveLength(2);
  expect(await open()).toHaveLength(2);
  for (const { id } of await open()) {
    const all = await Promise.all([1, 2, 3].map(() => signWithdrawal(world.deps, id)));
    const txids = all.map(({ group }) => group.withdrawal?.attempts.map(({ txid }) => txid));
    expect(new Set(txids.map(String)).size).toBe(1);
    expect(await world.pay(id)).toMatchObject({ status: 'SETTLED' });
  }
});

describe('gas for tokens', () => {
  it('is sent once, whatever died after it, and then the tokens come', async () => {
    const address = await world.deposited('gas', 'USDX', 20n * USDX);
    await world.rule('USDX', { min: '5' });
    const [topUp = ''] = await world.collect();
    await world.sign(topUp);
    // Died before it was sent, and again before its end was written.
    await world.send(topUp);
    await world.send(topUp);
    expect(await world.collect()).toEqual([]);
    await world.node.mine(3);
    expect(await world.collect()).toEqual([]);
    expect(await world.look(topUp)).toMatchObject({ status: 'SETTLED' });
    // Died between the two: whoever comes next opens the collection, and no other top-up.
    const [id = ''] = await world.collect();
    expect(id).toContain(':USDX:1');
    expect(await world.pay(id)).toMatchObject({ status: 'SETTLED' });
    expect(await world.coins(address, world.usdx)).toBe(0n);
    const topUps =
      "select count(*)::integer from collections where purpose = 'top_up' and address = $1";
    expect(await world.value(topUps, address)).toBe(1);
  });

  it('is nobody’s deposit, also after a reorganisation and a rescan', async () => {
    const address = await world.deposited('gasDropped', 'USDX', 20n * USDX);
    await world.rule('USDX', { min: '5' });
    const [topUp = ''] = await world.collect();
    await world.sign(topUp);
    await world.send(topUp);
    expect((await world.look(topUp)).withdrawal?.state).toBe('in_block');
    await world.node.reorg(1);
    expect((await world.look(topUp)).withdrawal?.state).toBe('broadcast');
    await world.send(topUp);
    await world.look(topUp);
    await world.node.mine(3);
    expect(await world.look(topUp)).toMatchObject({ status: 'SETTLED' });
    const { withdrawal } = await groupOf(world, topUp);
    await rescanTransaction(world.db, world.port, withdrawal?.attempts[0]?.txid ?? '');
    const seen =
      "select count(*)::integer from chain_inclusions where to_address = $1 and asset = 'ETH'";
    expect(await world.value(seen, address)).toBe(0);
    // Whoever else sends native coins there has made a deposit.
    await world.node.send({ to: address, wei: 5n });
    await world.follow();
    expect(await world.value(seen, address)).toBe(1);
    expect(await world.collectAll()).toMatchObject([{ status: 'SETTLED' }]);
  });
});

describe('a low mark', () => {
  it('keeps coins where they are while the hot wallet has enough', async () => {
    await world.deposited('enough', 'ETH', ETH);
    await world.rule('ETH', { min: '0.5', low: '1' });
    expect(await world.collect()).toEqual([]);
    await world.rule('ETH', { min: '0.5', low: '1000000' });
    expect(await world.collectAll()).toHaveLength(1);
  });

  it('gives way to a withdrawal that waits for the coins', async () => {
    await world.deposited('rich', 'USDX', 5_000_000n * USDX);
    await world.rule('USDX', { min: '1', low: '1' });
    expect(await world.collect()).toEqual([]);
    const hot = await world.coins(HOT, world.usdx);
    const { id } = await world.withdraw('USDX', String(hot / USDX + 1n));
    expect((await world.sign(id)).withdrawal?.state).toBe('awaiting_funds');
    const groups = await world.collectAll();
    expect(groups.map(({ status }) => status)).toEqual(groups.map(() => 'SETTLED'));
    await world.node.mine(1);
    await world.follow();
    const called =
      "select count(*)::integer from chain_tasks where kind = 'moved' and group_id = $1";
    expect(await world.value(called, id)).toBe(1);
    expect((await world.sign(id)).withdrawal?.state).toBe('signed');
    await world.send(id);
    await world.look(id);
    await world.node.mine(3);
    expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  });
});

it('a deposit that comes while coins are collected is credited, and collected later', async () => {
  const id = await sent('busy');
  await world.deposited('busy', 'ETH', 2n * ETH);
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  expect(await world.balance('busy')).toMatchObject({ available: '3' });
  expect(await world.collectAll()).toHaveLength(1);
});

it('is not signed for an address whose key was used by somebody else', async () => {
  const address = await world.deposited('foreign', 'ETH', ETH);
  await world.rule('ETH', { min: '0.5' });
  await world.node.rpc('anvil_setNonce', address, '0x3');
  const [id = ''] = await world.collect();
  const { group, why } = await signWithdrawal(world.deps, id);
  expect(group.withdrawal?.state).toBe('awaiting_funds');
  expect(why).toMatch(/transactions that Holdfast does not know/);
  expect(await world.value('select inside from signing_queue where group_id = $1', id)).toBe(true);
  await abandonCollection(world.db, id, 0);
  // Until a person has looked, nothing is opened for it again.
  expect(await world.collect()).toEqual([]);
});

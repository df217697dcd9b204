/** Deposits: from a transaction on a real node to entries, and back where the chain turns back. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  creditChainDeposit,
  openChainDeposit,
  orphanChainDeposit,
} from '../../src/chains/deposits.ts';
import { chainDepositId } from '../../src/contracts/ids.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { type ChainWorld, createChainWorld } from './chainWorld.ts';

const ETH = 10n ** 18n;
let world: ChainWorld;

interface Inclusion {
  id: string;
  group_id: string;
  canonical: boolean;
  amount: string;
}

/** Inclusions of a transaction, in the order in which they were seen. */
async function inclusionsOf(txid: string): Promise<Inclusion[]> {
  const { rows } = await world.database.owner.query(
    `select id, group_id, canonical, trim_scale(amount)::text as amount
     from chain_inclusions where txid = $1 order by id`,
    [txid],
  );
  return rows;
}

/** The one inclusion of a transaction. */
async function inclusionOf(txid: string): Promise<Inclusion> {
  const [inclusion, ...more] = await inclusionsOf(txid);
  if (!inclusion || more.length > 0) throw new Error(`${1 + more.length} inclusions of ${txid}`);
  return inclusion;
}

beforeAll(async () => {
  world = await createChainWorld();
  await world.follow();
});

describe('a native deposit', () => {
  it('is pending at once and available at exactly n confirmations', async () => {
    const address = await world.wallet('native-1', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.follow();
    const { id, group_id } = await inclusionOf(txid);
    expect(group_id).toBe(chainDepositId(world.port.chain, txid, 'native', 1));
    expect(await openChainDeposit(world.db, id)).toMatchObject({ outcome: 'done' });
    expect(await world.balance('native-1')).toMatchObject({ available: '0', pendingIn: '1' });

    for (const confirmations of [1, 2]) {
      const early = await creditChainDeposit(world.db, id);
      expect(early).toMatchObject({ outcome: 'waiting', groupStatus: 'IN_PROGRESS' });
      expect(early).toMatchObject({ why: `it has ${confirmations} of 3 confirmations` });
      await world.node.mine();
      await world.follow();
    }
    expect(await creditChainDeposit(world.db, id)).toMatchObject({ groupStatus: 'SETTLED' });
    expect(await world.balance('native-1')).toMatchObject({ available: '1', pendingIn: '0' });
    const group = await readGroup(world.db, group_id);
    expect(group).toMatchObject({ status: 'SETTLED', reference: txid });
    expect(group?.legs.map(({ wallet, settled }) => [wallet, settled])).toEqual([
      ['external:ETH', '1'],
      ['native-1', '1'],
    ]);
  });

  it('is booked once, however often and in whatever order the hints come', async () => {
    const address = await world.wallet('native-2', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: 2n * ETH });
    await world.follow();
    const { id, group_id } = await inclusionOf(txid);
    // "Confirmed" before "detected": nothing to credit yet.
    expect(await creditChainDeposit(world.db, id)).toMatchObject({ groupStatus: null });
    await Promise.all(Array.from({ length: 5 }, () => openChainDeposit(world.db, id)));
    await world.node.mine(2);
    await world.follow();
    const credits = await Promise.all(
      Array.from({ length: 10 }, () => creditChainDeposit(world.db, id)),
    );
    expect(credits.every(({ outcome }) => outcome === 'done')).toBe(true);
    expect(credits.filter((each) => 'replayed' in each && !each.replayed)).toHaveLength(1);
    expect(await openChainDeposit(world.db, id)).toMatchObject({ replayed: true });
    expect(await orphanChainDeposit(world.db, id)).toMatchObject({ outcome: 'waiting' });
    expect(await world.balance('native-2')).toMatchObject({ available: '2', pendingIn: '0' });
    const rows = 'select count(*)::integer from ledger_entries where group_id = $1';
    expect(await world.value(rows, group_id)).toBe(4);
  });
});

describe('a token deposit', () => {
  it('is seen by its log and keeps the scale of the token', async () => {
    await world.giveStranger(500_000_000n);
    const address = await world.wallet('token-1', 'USDX');
    const { txid } = await world.node.sendToken(world.usdx, address, 1_234_567n);
    await world.node.mine(2);
    await world.follow();
    const { id, group_id, amount } = await inclusionOf(txid);
    expect(amount).toBe('1.234567');
    expect(group_id).toBe(chainDepositId(world.port.chain, txid, '0', 1));
    await openChainDeposit(world.db, id);
    await creditChainDeposit(world.db, id);
    expect(await world.balance('token-1')).toMatchObject({ available: '1.234567' });
  });

  it('is nothing where the transaction was reverted', async () => {
    const address = await world.wallet('token-2', 'USDX');
    const { txid } = await world.node.sendToken(world.usdx, address, 10n ** 15n);
    await world.follow();
    expect(await world.port.transactionStatus(txid)).toMatchObject({ succeeded: false });
    expect(await inclusionsOf(txid)).toEqual([]);
  });

  it('goes to the wallet of that owner and asset, whatever wallet asked first', async () => {
    const address = await world.wallet('owner-eth', 'ETH', 'two-assets');
    expect(await world.wallet('owner-usdx', 'USDX', 'two-assets')).toBe(address);
    const { txid } = await world.node.sendToken(world.usdx, address, 7_000_000n);
    await world.follow();
    await openChainDeposit(world.db, (await inclusionOf(txid)).id);
    expect(await world.balance('owner-usdx')).toMatchObject({ pendingIn: '7' });
    expect(await world.balance('owner-eth')).toMatchObject({ pendingIn: '0' });
  });

  it('goes to unattributed where no wallet is for it, or it is below the minimum', async () => {
    const address = await world.wallet('no-usdx', 'ETH');
    await world.database.owner.query("update assets set min_deposit = 5 where code = 'ETH'");
    const token = await world.node.sendToken(world.usdx, address, 3_000_000n);
    const dust = await world.node.send({ to: address, wei: 1n });
    await world.follow();
    for (const { txid } of [token, dust]) {
      await openChainDeposit(world.db, (await inclusionOf(txid)).id);
    }
    await world.database.owner.query("update assets set min_deposit = null where code = 'ETH'");
    expect(await world.balance('unattributed:USDX')).toMatchObject({ pendingIn: '3' });
    expect(await world.balance('unattributed:ETH')).toMatchObject({
      pendingIn: '0.000000000000000001',
    });
    expect(await world.balance('no-usdx')).toMatchObject({ pendingIn: '0' });
  });
});

describe('before credit, the chain', () => {
  it.each([1, 2])(
    'drops %i blocks: cancelled as ORPHANED; the next inclusion opens its own group',
    async (depth) => {
      const wallet = `reorg-${depth}`;
      const address = await world.wallet(wallet, 'ETH');
      const { txid, raw } = await world.node.send({ to: address, wei: ETH });
      await world.node.mine(depth - 1);
      await world.follow();
      const first = await inclusionOf(txid);
      await openChainDeposit(world.db, first.id);

      await world.node.reorg(depth);
      await world.follow();
      expect((await inclusionOf(txid)).canonical).toBe(false);
      expect(await creditChainDeposit(world.db, first.id)).toMatchObject({ outcome: 'waiting' });
      expect(await orphanChainDeposit(world.db, first.id)).toMatchObject({
        groupStatus: 'CANCELLED',
        group: { reason: 'ORPHANED' },
      });
      expect(await world.balance(wallet)).toMatchObject({ available: '0', pendingIn: '0' });

      expect(await world.node.resend(raw)).toBe(txid);
      await world.node.mine(2);
      await world.follow();
      const [, second] = await inclusionsOf(txid);
      expect(second?.group_id).toBe(chainDepositId(world.port.chain, txid, 'native', 2));
      await openChainDeposit(world.db, second!.id);
      await creditChainDeposit(world.db, second!.id);
      expect(await creditChainDeposit(world.db, first.id)).toMatchObject({ outcome: 'waiting' });
      expect(await world.balance(wallet)).toMatchObject({ available: '1', pendingIn: '0' });
    },
  );

  it('goes down without a new head: that is a reorganisation too', async () => {
    const address = await world.wallet('rollback', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.follow();
    const { id } = await inclusionOf(txid);
    await openChainDeposit(world.db, id);
    const before = await world.value<number>('select reorgs::integer from chains');
    await world.node.rollback(1);
    for (let turns = 0; turns < 5; turns++) await world.follow();
    expect(await world.value('select reorgs::integer from chains')).toBe(before + 1);
    expect(await orphanChainDeposit(world.db, id)).toMatchObject({ groupStatus: 'CANCELLED' });
    expect(await world.value('select cursor_height::integer from chains')).toBe(
      await world.node.height(),
    );
  });

  it('comes back to the same block: the inclusion that was dropped stays dropped', async () => {
    const address = await world.wallet('flip-flop', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.node.mine();
    await world.follow();
    const first = await inclusionOf(txid);
    await openChainDeposit(world.db, first.id);
    // As if another node had told another branch for a moment.
    const fork = (await world.node.height()) - 2;
    await world.db.query('select chain_rewind($1, $2, $3)', [world.port.chain, 'test', fork]);
    await world.node.mine();
    await world.follow();
    const [, second] = await inclusionsOf(txid);
    expect(await creditChainDeposit(world.db, first.id)).toMatchObject({
      why: 'its block is no longer in the chain',
    });
    expect(await orphanChainDeposit(world.db, first.id)).toMatchObject({
      groupStatus: 'CANCELLED',
    });
    await openChainDeposit(world.db, second!.id);
    await creditChainDeposit(world.db, second!.id);
    expect(await world.balance('flip-flop')).toMatchObject({ available: '1', pendingIn: '0' });
  });

  it('dropped it before its saga opened it: a cancelled group without entries', async () => {
    const address = await world.wallet('early-orphan', 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.follow();
    await world.node.reorg(1);
    await world.follow();
    const { id, group_id } = await inclusionOf(txid);
    expect(await openChainDeposit(world.db, id)).toMatchObject({ groupStatus: 'CANCELLED' });
    expect(await readGroup(world.db, group_id)).toMatchObject({ reason: 'ORPHANED', legs: [] });
  });
});

it('credits nothing while deposits of the asset are paused, and goes on afterwards', async () => {
  const address = await world.wallet('paused', 'ETH');
  const { txid } = await world.node.send({ to: address, wei: ETH });
  await world.node.mine(3);
  await world.follow();
  const { id } = await inclusionOf(txid);
  await openChainDeposit(world.db, id);
  await world.database.owner.query("update assets set deposits_paused = true where code = 'ETH'");
  expect(await creditChainDeposit(world.db, id)).toMatchObject({
    why: 'deposits of ETH are paused',
  });
  await world.database.owner.query("update assets set deposits_paused = false where code = 'ETH'");
  expect(await creditChainDeposit(world.db, id)).toMatchObject({ groupStatus: 'SETTLED' });
});

it('never credits an orphan: crediting and rewinding at once have one winner', async () => {
  await world.database.owner.query("update assets set confirmations = 1 where code = 'ETH'");
  for (let round = 0; round < 5; round++) {
    const address = await world.wallet(`race-${round}`, 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.follow();
    const { id, group_id } = await inclusionOf(txid);
    await openChainDeposit(world.db, id);
    const height = await world.node.height();
    const [credit] = await Promise.all([
      creditChainDeposit(world.db, id),
      world.db.query('select chain_rewind($1, $2, $3)', [world.port.chain, 'test', height - 1]),
    ]);
    const events = (await readTimeline(world.db, group_id)).map(({ event }) => event);
    if (credit.outcome === 'done') {
      // Credited first: the rewind saw it and told it, and the credit waits for the new branch.
      expect(events).toContain('chain.orphaned_after_credit');
    } else {
      expect(events).not.toContain('chain.orphaned_after_credit');
      expect(await world.balance(`race-${round}`)).toMatchObject({ available: '0' });
    }
    await world.follow();
  }
  await world.database.owner.query("update assets set confirmations = 3 where code = 'ETH'");
});

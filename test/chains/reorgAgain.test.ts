/** Credited coins that leave the chain and come again: at most one credit stands. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { creditChainDeposit, openChainDeposit } from '../../src/chains/deposits.ts';
import type { ChainPort } from '../../src/chains/port.ts';
import { reverseCredit } from '../../src/chains/reverseCredit.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { type StatusChange, setWalletStatus } from '../../src/ledger/wallets.ts';
import { createFollower } from '../../src/watchers/follow.ts';
import { log } from './chainWorld.ts';
import { createReorgWorld, ETH, type ReorgWorld } from './reorgWorld.ts';

let world: ReorgWorld;

beforeAll(async () => {
  world = await createReorgWorld();
});

afterEach(() => world.expectWhole());

describe('a transaction that comes again', () => {
  it('in the new branch keeps its credit, and no second one is booked', async () => {
    const { wallet, inclusion, groupId, txid, raw } = await world.credited(2n);
    await world.node.reorg(2, [{ raw, at: 0 }]);
    await world.follow();
    expect(await world.tasks('reverse', inclusion)).toBe(0);
    expect(await reverseCredit(world.db, inclusion)).toMatchObject({ outcome: 'not_needed' });
    expect(await world.book(txid)).toMatchObject({ outcome: 'waiting' });
    const again = await world.lastInclusion(txid);
    expect(await readGroup(world.db, again.groupId)).toMatchObject({
      status: 'CANCELLED',
      reason: 'ALREADY_CREDITED',
      metadata: { creditedBy: groupId },
    });
    expect(await world.events(groupId)).toContain('chain.included_again');
    expect(await world.balance(wallet)).toMatchObject({ available: '2', pendingIn: '0' });
    expect(await world.statusOf(wallet)).toBe('OPEN');
    expect(await world.creditsOf(txid)).toBe(1);
  });

  it('and goes again is taken back once, by the block that bore it last', async () => {
    const { wallet, inclusion, txid, raw } = await world.credited(2n);
    await world.node.reorg(2, [{ raw, at: 0 }]);
    await world.book(txid);
    await world.node.reorg(2);
    await world.follow();
    expect(await world.tasks('reverse', inclusion)).toBe(1);
    expect(await reverseCredit(world.db, inclusion)).toMatchObject({ outcome: 'done' });
    expect(await world.balance(wallet)).toMatchObject({ available: '0' });
    expect(await world.creditsOf(txid)).toBe(0);
  });

  it('after its reversal was due, and goes again, is due once more', async () => {
    const { wallet, inclusion, txid, raw } = await world.credited(2n);
    const due = async () => {
      const make = 'update chain_tasks set due_at = now() where done_at is null';
      await world.database.owner.query(make);
      const ask = "select kind from chain_due_tasks($1, 50) where kind = 'reverse'";
      return (await world.db.query(ask, [world.port.chain])).rows.length;
    };
    await world.drop();
    expect(await due()).toBe(1);
    await world.node.resend(raw);
    await world.book(txid);
    expect(await due()).toBe(0);
    await world.node.reorg(1);
    await world.follow();
    expect(await due()).toBe(1);
    expect(await reverseCredit(world.db, inclusion)).toMatchObject({ outcome: 'done' });
    expect(await world.balance(wallet)).toMatchObject({ available: '0' });
    expect(await due()).toBe(0);
  });

  it('and does something else is taken back, and credited for what it does now', async () => {
    const wallet = await world.open();
    const address = await world.wallet(wallet, 'ETH');
    const { txid, raw } = await world.node.send({ to: address, wei: 3n * ETH });
    await world.node.mine();
    // In its first block it pays five, as a contract may that looks at the block.
    const { db, port } = world;
    const generous: ChainPort = {
      ...port,
      async eventsOf(block, wanted) {
        const seen = await port.eventsOf(block, wanted);
        return { ...seen, transfers: seen.transfers.map((each) => ({ ...each, units: 5n * ETH })) };
      },
    };
    const watch = { chain: port.chain, holder: 'test' };
    const turn = createFollower({ db, port: generous, watch, startHeight: null, log });
    while ((await turn()).turn === 'behind');
    expect(await world.decide(txid)).toMatchObject({ outcome: 'done' });
    expect(await world.balance(wallet)).toMatchObject({ available: '5' });
    const { id } = await world.lastInclusion(txid);

    await world.node.reorg(2, [{ raw, at: 0 }]);
    // Not before the first one is gone: an event has one credit.
    expect(await world.book(txid)).toMatchObject({
      why: 'an earlier inclusion of it was credited',
    });
    expect(await world.tasks('reverse', id)).toBe(1);
    expect(await reverseCredit(world.db, id)).toMatchObject({ outcome: 'done' });
    expect(await world.decide(txid)).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
    expect(await world.balance(wallet)).toMatchObject({ available: '3' });
    expect(await world.creditsOf(txid)).toBe(1);
  });

  it('is credited anew after its reversal, and first pays what the wallet owes', async () => {
    const friend = await world.open();
    const { wallet, inclusion, txid, raw } = await world.credited(5n);
    await world.move(wallet, friend, '3');
    await world.drop();
    await reverseCredit(world.db, inclusion);
    const before = await world.shortfall();
    await world.node.resend(raw);
    expect(await world.book(txid)).toMatchObject({ outcome: 'waiting' });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', pendingIn: '5' });
    await world.node.mine();
    expect(await world.book(txid)).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
    const again = await world.lastInclusion(txid);
    expect(await world.legsOf(again.groupId)).toEqual([
      ['external:ETH', 'DEBIT', '5'],
      [wallet, 'CREDIT', '2'],
      ['shortfall:ETH', 'CREDIT', '3'],
    ]);
    expect(await world.balance(wallet)).toMatchObject({ available: '2', pendingIn: '0' });
    expect([await world.owed(wallet), await world.shortfall()]).toEqual(['0', before + 3]);
    expect(await world.creditsOf(txid)).toBe(1);
    // An operator lets it go on.
    const unfrozen = { id: wallet, status: 'OPEN', reason: 'looked at it', actor: 'ops' } as const;
    await setWalletStatus(world.db, unfrozen);
    await world.move(wallet, friend, '2');

    // And once more: what had paid the shortfall is owed again.
    await world.node.reorg(2);
    await world.follow();
    expect(await reverseCredit(world.db, again.id)).toMatchObject({
      group: { metadata: { taken: '0', shortfall: '5' } },
    });
    expect([await world.owed(wallet), await world.statusOf(wallet)]).toEqual(['5', 'FROZEN']);
  });

  it('turns back to the first branch after the reversal: one credit stands', async () => {
    const { wallet, inclusion, txid, raw } = await world.credited(2n);
    await world.drop();
    await reverseCredit(world.db, inclusion);
    await world.node.reorg(2, [{ raw, at: 0 }]);
    expect(await world.book(txid)).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
    expect(await world.balance(wallet)).toMatchObject({ available: '2' });
    expect(await world.creditsOf(txid)).toBe(1);
    await world.node.mine(3);
    await world.follow();
  });

  it('another deposit of the wallet pays what it owes, the oldest first', async () => {
    const friend = await world.open();
    const first = await world.credited(4n);
    await world.move(first.wallet, friend, '4');
    await world.drop();
    await reverseCredit(world.db, first.inclusion);
    const { txid } = await world.node.send({ to: first.address, wei: 3n * ETH });
    await world.node.mine();
    expect(await world.book(txid)).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
    expect(await world.owed(first.wallet)).toBe('1');
    expect(await world.balance(first.wallet)).toMatchObject({ available: '0', pendingIn: '0' });
    expect(await world.events(first.reversalId)).toContain('shortfall.paid');

    // Somebody lets it go on all the same: who and why stays with what is owed.
    const open = { id: first.wallet, status: 'OPEN', reason: 'a good customer', actor: 'ops' };
    await setWalletStatus(world.db, open as StatusChange);
    expect((await readTimeline(world.db, first.reversalId)).at(-1)).toMatchObject({
      event: 'wallet.unfrozen',
      actor: 'ops',
      reason: 'a good customer',
      detail: { owed: '1' },
    });
  });

  it('two deposits at once pay what it owes, and no more than that', async () => {
    const friend = await world.open();
    const { wallet, address, inclusion } = await world.credited(5n);
    await world.move(wallet, friend, '3');
    await world.drop();
    await reverseCredit(world.db, inclusion);
    expect(await world.owed(wallet)).toBe('3');
    const opened = [];
    for (let each = 0; each < 2; each += 1) {
      const { txid } = await world.node.send({ to: address, wei: 2n * ETH });
      await world.node.mine();
      await world.follow();
      const { id } = await world.lastInclusion(txid);
      await openChainDeposit(world.db, id);
      opened.push(id);
    }
    const [first = '', second = ''] = opened;
    const client = await world.db.connect();
    try {
      await client.query('begin');
      expect(await creditChainDeposit(client, first)).toMatchObject({ groupStatus: 'SETTLED' });
      const credited = creditChainDeposit(world.db, second);
      const waits = `select count(*)::integer from pg_stat_activity
        where wait_event_type = 'Lock' and query like '%chain_credit_deposit%'
          and datname = current_database()`;
      await expect.poll(() => world.value(waits)).toBe(1);
      await client.query('commit');
      expect(await credited).toMatchObject({ outcome: 'done', groupStatus: 'SETTLED' });
    } finally {
      client.release(true);
    }
    expect(await world.owed(wallet)).toBe('0');
    expect(await world.balance(wallet)).toMatchObject({ available: '1', pendingIn: '0' });
  });
});

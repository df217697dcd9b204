/** Coins that were credited and are no longer in the chain: taken back, to the last unit. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { reverseCredit } from '../../src/chains/reverseCredit.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { setWalletStatus } from '../../src/ledger/wallets.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { observeReorgs } from '../../src/watchers/reorgMetrics.ts';
import { createReorgWorld, ETH, type ReorgWorld } from './reorgWorld.ts';

let world: ReorgWorld;

beforeAll(async () => {
  world = await createReorgWorld();
});

afterEach(() => world.expectWhole());

describe('a credit whose block was dropped', () => {
  it('goes back whole where the money is there; the wallet is frozen, people hear', async () => {
    const { wallet, inclusion, groupId, reversalId } = await world.credited(3n);
    await world.drop();
    expect(await world.tasks('reverse', inclusion)).toBe(1);
    const reversed = await reverseCredit(world.db, inclusion);
    expect(reversed).toMatchObject({
      outcome: 'done',
      replayed: false,
      group: { id: reversalId, kind: 'reversal', status: 'SETTLED', reverses: groupId },
    });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', settled: '0' });
    expect([await world.statusOf(wallet), await world.owed(wallet)]).toEqual(['FROZEN', '0']);
    await expect(world.move(wallet, 'reorg-1', '1')).rejects.toThrow(/WALLET_NOT_OPEN/);
    expect(await readGroup(world.db, groupId)).toMatchObject({ status: 'SETTLED' });
    expect(await world.events(groupId)).toEqual(
      expect.arrayContaining(['chain.orphaned_after_credit', 'chain.credit_reversed']),
    );
    expect(await world.events(reversalId)).toContain('wallet.frozen');
    const alert = 'select count(*)::integer from outbox where group_id = $1 and event = $2';
    expect(await world.value(alert, reversalId, 'alert.credit_reversed')).toBe(1);

    // Again and again, also at once: the same answer, one effect.
    const again = await Promise.all(
      Array.from({ length: 5 }, () => reverseCredit(world.db, inclusion)),
    );
    expect(again.every((each) => 'replayed' in each && each.replayed)).toBe(true);
    expect(await world.balance(wallet)).toMatchObject({ available: '0', settled: '0' });
  });

  it.each([
    { spent: '2', taken: '3', short: '2', what: 'partly' },
    { spent: '5', taken: '0', short: '5', what: 'wholly' },
  ])('is owed by the wallet as far as it was $what spent', async ({ spent, taken, short }) => {
    const friend = await world.open();
    const { wallet, inclusion, reversalId } = await world.credited(5n);
    await world.move(wallet, friend, spent);
    const before = await world.shortfall();
    await world.drop();
    const reversed = await reverseCredit(world.db, inclusion);
    expect(reversed).toMatchObject({ group: { metadata: { taken, shortfall: short, wallet } } });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', settled: '0' });
    expect(await world.balance(friend)).toMatchObject({ available: spent });
    expect([await world.statusOf(wallet), await world.owed(wallet)]).toEqual(['FROZEN', short]);
    expect(await world.shortfall()).toBe(before - Number(short));
    const legs = await world.legsOf(reversalId);
    const { registry } = createMetrics();
    observeReorgs(registry, world.db);
    const metrics = await registry.metrics();
    const total = -(before - Number(short));
    expect(metrics).toContain(`holdfast_wallet_shortfall{asset="ETH"} ${total}`);
    expect(metrics).toMatch(/holdfast_chain_credits_reversed\{asset="ETH"\} [1-9]/);
    expect(legs[0]).toEqual(['external:ETH', 'CREDIT', '5']);
    expect(legs.at(-1)).toEqual(['shortfall:ETH', 'DEBIT', short]);
  });

  it('is owed also while the shortfall is frozen: its wallet would spend on', async () => {
    const friend = await world.open();
    const { wallet, inclusion } = await world.credited(5n);
    await world.move(wallet, friend, '2');
    const before = await world.shortfall();
    const change = { id: 'shortfall:ETH', reason: 'counting', actor: 'ann' };
    await setWalletStatus(world.db, { ...change, status: 'FROZEN' });
    await world.drop();
    expect(await reverseCredit(world.db, inclusion)).toMatchObject({ outcome: 'done' });
    expect([await world.statusOf(wallet), await world.owed(wallet)]).toEqual(['FROZEN', '2']);
    expect(await world.shortfall()).toBe(before - 2);
    expect(await world.statusOf(change.id)).toBe('FROZEN');
    await setWalletStatus(world.db, { ...change, status: 'OPEN' });
  });

  it('ends open holds of the wallet first, and never a payment that may be signed', async () => {
    const friend = await world.open();
    const { wallet, inclusion, reversalId } = await world.credited(9n);
    const hold = await world.move(wallet, friend, '1', true);
    const waiting = await world.withdrawFrom(wallet, '2');
    const signed = await world.withdrawFrom(wallet, '4');
    await world.sign(signed);
    await world.drop();
    const reversed = await reverseCredit(world.db, inclusion);
    expect(reversed).toMatchObject({
      group: { metadata: { released: [hold.id, waiting].sort(), taken: '5', shortfall: '4' } },
    });
    for (const id of [hold.id, waiting]) {
      const group = await readGroup(world.db, id);
      expect(group).toMatchObject({ status: 'RELEASED', reason: 'ORPHANED_AFTER_CREDIT' });
      expect(await world.events(id)).toContain('wallet.reversal');
    }
    expect((await readGroup(world.db, waiting))?.withdrawal?.state).toBe('released');
    expect((await readGroup(world.db, signed))?.status).toBe('IN_PROGRESS');
    expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '4', settled: '4' });
    expect(await world.events(reversalId)).toContain('wallet.frozen');
    // What was signed goes on: its coins leave, and the books agree.
    await world.send(signed);
    await world.node.mine(3);
    expect(await world.look(signed)).toMatchObject({ status: 'SETTLED' });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '0', settled: '0' });
  });

  it('is taken back while holds come and go, also those that come in between', async () => {
    const friend = await world.open();
    const { wallet, inclusion } = await world.credited(6n);
    await world.drop();
    const early = await world.move(wallet, friend, '1', true);
    const client = await world.database.owner.connect();
    await client.query('begin');
    await client.query('select from wallet_balances where wallet_id = $1 for update', [wallet]);
    const reversed = reverseCredit(world.db, inclusion);
    // It has found the early hold and waits for the balance, while another one is made.
    const waits = `select count(*)::integer from pg_stat_activity
      where wait_event_type = 'Lock' and query like '%chain_reverse_credit%'
        and datname = current_database()`;
    await expect.poll(() => world.value(waits)).toBe(1);
    const late = await world.move(wallet, friend, '2', true, client);
    await client.query('commit');
    client.release();
    expect(await reversed).toMatchObject({
      group: { metadata: { released: [early.id, late.id].sort(), taken: '6' } },
    });
    expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '0', settled: '0' });
  });

  it('releases many holds in parts, frozen from the first one on', async () => {
    const friend = await world.open();
    const { wallet, inclusion } = await world.credited(5n);
    const holds = [];
    for (let each = 0; each < 5; each++) holds.push(await world.move(wallet, friend, '1', true));
    await world.drop();
    const part = 'select chain_reverse_credit($1, $2, 2) as answer';
    const { rows } = await world.db.query(part, [inclusion, 'chain']);
    expect(rows[0]?.answer).toEqual({ outcome: 'again' });
    expect(await world.statusOf(wallet)).toBe('FROZEN');
    expect(await world.balance(wallet)).toMatchObject({ available: '2', held: '3' });
    const reversed = await reverseCredit(world.db, inclusion, 2);
    const released = holds.map(({ id }) => id).sort();
    expect(reversed).toMatchObject({ group: { metadata: { released, taken: '5' } } });
  });

  it('is taken from whoever unattributed coins were assigned to', async () => {
    await world.database.owner.query("update assets set min_deposit = 2 where code = 'ETH'");
    const wallet = await world.open();
    const address = await world.wallet(wallet, 'ETH');
    const { txid } = await world.node.send({ to: address, wei: ETH });
    await world.node.mine();
    await world.book(txid);
    await world.database.owner.query("update assets set min_deposit = null where code = 'ETH'");
    const { id, groupId } = await world.lastInclusion(txid);
    // Final by a rule that was too quick.
    await world.database.owner.query("update chain_inclusions set final = '1' where id = $1", [id]);
    const assigned = await world.value<{ outcome: string }>(
      "select chain_assign_unattributed('transfer:t:a', 'a', 'ops', true, '{}', $1, 't', $2, 'x')",
      groupId,
      wallet,
    );
    expect(assigned).toMatchObject({ outcome: 'done' });
    const friend = await world.open();
    await world.move(wallet, friend, '0.4');
    await world.drop();
    expect(await reverseCredit(world.db, id)).toMatchObject({
      group: { metadata: { wallet, taken: '0.6', shortfall: '0.4' } },
    });
    expect(await world.balance(wallet)).toMatchObject({ available: '0' });
    expect(await world.balance('unattributed:ETH')).toMatchObject({ settled: '0' });
  });

  it('waits until the new branch is read as far as the old one was', async () => {
    const { wallet, inclusion } = await world.credited(1n);
    await world.node.rollback(2);
    await world.rewound();
    expect(await world.tasks('reverse', inclusion)).toBe(0);
    expect(await reverseCredit(world.db, inclusion)).toMatchObject({
      outcome: 'waiting',
      why: expect.stringMatching(/the new branch is read up to block \d+ of \d+/),
    });
    expect(await world.balance(wallet)).toMatchObject({ available: '1' });
    await world.node.mine(2);
    await world.follow();
    expect(await world.tasks('reverse', inclusion)).toBe(1);
    expect(await reverseCredit(world.db, inclusion)).toMatchObject({ outcome: 'done' });
  });
});

/** Payments of a custodian that are booked, lost their block, and come into another one. */
import { expect, it } from 'vitest';
import { askRescan } from '../../src/chains/rescan.ts';
import { lookAfterRelease } from '../../src/custody/afterwards.ts';
import { createLostFollower } from '../../src/custody/followLost.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { createRescanner } from '../../src/watchers/lookAgain.ts';
import { log } from './chainWorld.ts';
import { type CustodyWorld, createCustodyWorld, freshAddress } from './custodyWorld.ts';

const HALF = 5n * 10n ** 17n;

/** Settled at once, by the asset's own word, by a transaction that somebody can send again. */
async function settled() {
  const world = await createCustodyWorld({ payAtOnce: false });
  await world.database.owner.query("update custodian_assets set final = '1'");
  const to = freshAddress();
  const id = await world.withdraw('0.5', to);
  await world.look(id);
  const { txid, raw } = await world.node.send({ to, wei: HALF });
  await world.follow();
  await world.provider.say(id, { status: 'confirmed', txid });
  expect((await world.look(id)).group.status).toBe('SETTLED');
  const look = createLostFollower(world.deps, 0);
  const blockOf = () =>
    world.value<string>('select paid_block from custody_payments where group_id = $1', id);
  return { world, id, to, txid, raw, look, blockOf, first: await blockOf() };
}

/** A person has looked, and lets the chain go on, on the node's branch. */
async function goOn(world: CustodyWorld) {
  const { chain } = world.port;
  const from = (await world.value<number>('select cursor_height::integer from chains')) - 2;
  const asked = { chain, at: { from, to: null }, requestedBy: 'ann', reason: 'looked at it' };
  await askRescan(world.db, world.chain, { ...asked, liftHalts: true });
  const watch = { chain, holder: 'test' };
  await createRescanner({ db: world.db, port: world.port, watch, log })();
  return world.follow();
}

const eventsOf = async (world: CustodyWorld, id: string) =>
  (await readTimeline(world.db, id)).map(({ event }) => event);

it('is found in the next block, and stops the chain again where that goes as well', async () => {
  const { world, id, raw, look, blockOf, first } = await settled();
  await world.node.reorg(1, [{ raw, at: 0 }]);
  expect(await world.follow()).toMatchObject({ turn: 'halted' });
  world.alerts.length = 0;
  await look();
  expect(world.alerts, 'nobody looks while the chain stands still').toEqual([]);
  expect(await blockOf()).toBe(first);
  expect(await goOn(world)).toMatchObject({ turn: 'idle' });
  const bind = (chain: string) =>
    world.database.owner.query('update custody_payments set chain = $1', [chain]);
  await bind('eip155:1');
  const elsewhere = 'The node is on eip155:31337, the payment on eip155:1.';
  await expect(look()).rejects.toThrow(elsewhere);
  await bind(world.port.chain);
  world.alerts.length = 0;
  await look();
  expect(world.alerts).toEqual([]);
  expect(await blockOf()).not.toBe(first);
  expect(await eventsOf(world, id)).toContain('chain.included_again');
  await look();
  expect(
    await world.value('select count(*)::integer from custody_lost($1)', world.port.chain),
  ).toBe(0);
  await world.node.reorg(1);
  expect(await world.follow()).toMatchObject({ turn: 'halted' });
});

it('is told once while no block has it, and found where its custodian sends it anew', async () => {
  const { world, id, to, look, blockOf, first } = await settled();
  await world.node.reorg(1);
  await world.follow();
  expect(await goOn(world)).toMatchObject({ turn: 'idle' });
  world.alerts.length = 0;
  for (const _ of [1, 2]) await look();
  expect(world.alerts).toEqual(['CUSTODIAN_PAYMENT_LOST']);
  const { txid } = await world.node.send({ to, wei: HALF });
  await world.provider.say(id, { txid });
  await look();
  expect(await blockOf(), 'its block was not read yet').toBe(first);
  await world.follow();
  const next = await world.withdraw('0.5', to);
  await world.look(next);
  await look();
  expect(await blockOf()).not.toBe(first);
  // It is this one's for good.
  await world.provider.say(next, { status: 'confirmed', txid });
  expect((await world.look(next)).group.status).toBe('IN_PROGRESS');
});

it('is found where what it was sent anew by had settled another one, made by a third', async () => {
  const { world, id, to, look } = await settled();
  await world.node.reorg(1);
  await world.follow();
  await goOn(world);
  const next = await world.withdraw('0.5', to);
  await world.look(next);
  // With another nonce, so that it is not the same one.
  await world.node.send({ to: freshAddress(), wei: 1n });
  const anew = await world.node.send({ to, wei: HALF });
  const third = await world.node.send({ to, wei: HALF });
  await world.follow();
  await world.provider.say(next, { status: 'confirmed', txid: anew.txid });
  expect((await world.look(next)).group.status).toBe('SETTLED');
  await world.provider.say(id, { txid: anew.txid });
  await world.provider.say(next, { txid: third.txid });
  for (const _ of [1, 2]) await look();
  const paid = 'select paid_txid from custody_payments where group_id = $1';
  expect([await world.value(paid, id), await world.value(paid, next)]).toEqual([
    anew.txid,
    third.txid,
  ]);
});

it('is there again where the old block comes back', async () => {
  const { world, id, look, blockOf, first } = await settled();
  const height = await world.value<number>('select cursor_height::integer from chains');
  await world.db.query("select chain_rewind($1, 'test', $2)", [world.port.chain, height - 1]);
  expect(await goOn(world)).toMatchObject({ turn: 'idle' });
  world.alerts.length = 0;
  await look();
  expect(world.alerts).toEqual([]);
  expect(await blockOf()).toBe(first);
  expect(await eventsOf(world, id)).toContain('chain.included_again');
});

it('is told no more once an operator gave it back, but where it is made all the same', async () => {
  const { world, id, raw, look } = await settled();
  await world.node.reorg(1);
  await world.follow();
  await world.reverse(id);
  await goOn(world);
  world.alerts.length = 0;
  await look();
  expect(world.alerts).toEqual([]);
  await world.node.resend(raw);
  await world.follow();
  await look();
  expect(world.alerts).toEqual(['CUSTODIAN_PAID_LATE']);
});

it('is looked for three days from when it was given back, however long it was lost', async () => {
  const { world, id, raw, look } = await settled();
  await world.node.reorg(1);
  await world.follow();
  await goOn(world);
  const longAgo = "update custody_payments set lost_since = lost_since - interval '4 days'";
  await world.database.owner.query(longAgo);
  await world.reverse(id);
  await world.node.resend(raw);
  await world.follow();
  world.alerts.length = 0;
  await look();
  expect(world.alerts).toEqual(['CUSTODIAN_PAID_LATE']);
});

it('is told on where an operator gave back a part of it', async () => {
  const { world, id, look } = await settled();
  expect(await world.reverse(id, '0.1')).toMatchObject({ outcome: 'done' });
  await world.node.reorg(1);
  await world.follow();
  await goOn(world);
  world.alerts.length = 0;
  await look();
  expect(world.alerts).toEqual(['CUSTODIAN_PAYMENT_LOST']);
});

/** Booked as a loss, since it was made after it had been given back, and its block is gone. */
async function lateAndLost() {
  const world = await createCustodyWorld({ payAtOnce: false });
  await world.database.owner.query("update custodian_assets set final = '1'");
  const to = freshAddress();
  const id = await world.withdraw('0.5', to);
  await world.look(id);
  await world.provider.say(id, { status: 'failed' });
  expect((await world.look(id)).group.status).toBe('RELEASED');
  const { txid, raw } = await world.node.send({ to, wei: HALF });
  await world.follow();
  await world.provider.say(id, { status: 'confirmed', txid });
  expect(await lookAfterRelease(world.deps, id)).toEqual({ isPaid: true, why: null });
  await world.node.reorg(1);
  expect(await world.follow()).toMatchObject({ turn: 'halted' });
  await goOn(world);
  world.alerts.length = 0;
  return { world, id, raw };
}

it('is looked for as well where it had been booked as late', async () => {
  const { world, id, raw } = await lateAndLost();
  await world.node.resend(raw);
  await world.follow();
  await createLostFollower(world.deps, 0)();
  expect(await eventsOf(world, id)).toContain('chain.included_again');
});

it('is told no more once the loss of a late one was taken back', async () => {
  const { world, id, raw } = await lateAndLost();
  await createLostFollower(world.deps, 0)();
  expect(world.alerts).toEqual(['CUSTODIAN_PAYMENT_LOST']);
  await world.move('external:ETH.C', 'shortfall:ETH.C', '0.5', id);
  expect(await world.balance('shortfall:ETH.C')).toMatchObject({ settled: '0' });
  await createLostFollower(world.deps, 0)();
  expect(world.alerts, 'by a watcher that starts after that').toHaveLength(1);
  await world.node.resend(raw);
  await world.follow();
  await createLostFollower(world.deps, 0)();
  expect(world.alerts.at(-1)).toBe('CUSTODIAN_PAID_LATE');
});

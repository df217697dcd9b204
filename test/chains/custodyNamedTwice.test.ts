/** One transaction that a custodian names for two equal withdrawals, and that pays one. */
import { encodeFunctionData, parseAbi } from 'viem';
import { beforeEach, expect, it } from 'vitest';
import { lookAfterRelease } from '../../src/custody/afterwards.ts';
import { deployPayout } from '../../src/dev/chain/payout.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { type CustodyWorld, createCustodyWorld, freshAddress } from './custodyWorld.ts';
import { MNEMONIC } from './node.ts';

const HALF = 5n * 10n ** 17n;
let world: CustodyWorld;
let to: string;
let first: string;
let second: string;
let txid: string;

/** Paid once, named for both, and settled is the first that was looked at. */
beforeEach(async () => {
  world = await createCustodyWorld({ payAtOnce: false });
  to = freshAddress();
  first = await world.withdraw('0.5', to);
  second = await world.withdraw('0.5', to);
  for (const id of [first, second]) await world.look(id);
  ({ txid } = await world.node.send({ to, wei: HALF }));
  for (const id of [first, second]) {
    await world.provider.say(id, { status: 'confirmed', txid });
    await world.look(id);
  }
  await world.finalize();
  expect((await world.look(first)).group.status).toBe('SETTLED');
  world.alerts.length = 0;
});

it('settles one of them, and the other one is told which', async () => {
  for (const _ of [1, 2]) {
    expect(await world.look(second)).toMatchObject({
      group: { status: 'IN_PROGRESS' },
      why: `what ${txid} paid was for other withdrawals: ${first}`,
    });
  }
  expect(world.alerts).toEqual(['CUSTODIAN_CONTRADICTS', 'CUSTODIAN_CONTRADICTS']);
});

it('gives the other one back where its custodian fails it and confirms the first', async () => {
  await world.provider.say(second, { status: 'failed' });
  await world.provider.say(first, { status: 'pending' });
  expect((await world.look(second)).group.status, 'it may be its own').toBe('IN_PROGRESS');
  await world.provider.say(first, { status: 'confirmed' });
  expect((await world.look(second)).group.status).toBe('RELEASED');
  world.alerts.length = 0;
  expect(await lookAfterRelease(world.deps, second)).toEqual({ isPaid: false, why: null });
  expect(world.alerts).toEqual([]);
  expect(await audit(world.db)).toMatchObject({ ok: true, faults: [] });
});

it('gives nothing back while another one of its transactions may be mined', async () => {
  await world.node.automine(false);
  const other = await world.node.send({ to, wei: HALF });
  await world.provider.say(second, { status: 'failed', txid: other.txid });
  expect(await world.look(second)).toMatchObject({
    group: { status: 'IN_PROGRESS' },
    why: `${other.txid} may still be mined`,
  });
  await world.node.automine(true);
  await world.finalize();
  expect((await world.look(second)).group.status).toBe('SETTLED');
});

it('settles both where the custodian made the first one by another transaction', async () => {
  const other = await world.node.send({ to, wei: HALF });
  await world.follow();
  await world.provider.say(first, { txid: other.txid });
  await world.look(second);
  expect((await world.look(second)).group.status, 'it is not final yet').toBe('IN_PROGRESS');
  await world.finalize();
  await world.look(second);
  expect((await world.look(second)).group.status).toBe('SETTLED');
  const paid = 'select paid_txid from custody_payments where group_id = $1';
  expect(await world.value(paid, first)).toBe(other.txid);
  expect(await world.value(paid, second)).toBe(txid);
  const events = (await readTimeline(world.db, first)).map(({ event }) => event);
  expect(events).toContain('chain.paid_otherwise');
  expect(await audit(world.db)).toMatchObject({ ok: true, faults: [] });
});

it('settles the other one where the first was never paid, and was reversed', async () => {
  await world.provider.say(first, { status: 'failed', txid: null });
  for (const _ of [1, 2]) {
    expect((await world.look(second)).group.status, 'it is yet in the books').toBe('IN_PROGRESS');
  }
  await world.reverse(first);
  await world.provider.say(first, { status: 'pending' });
  for (const _ of [1, 2]) {
    expect((await world.look(second)).group.status, 'it may be its own').toBe('IN_PROGRESS');
  }
  await world.provider.say(first, { status: 'failed' });
  await world.look(second);
  expect((await world.look(second)).group.status).toBe('SETTLED');
  const events = (await readTimeline(world.db, first)).map(({ event }) => event);
  expect(events).toContain('chain.paid_another');
  expect(await audit(world.db)).toMatchObject({ ok: true, faults: [] });
});

it('books as late what it gave back, where both were made after all', async () => {
  await world.provider.say(second, { status: 'failed' });
  expect((await world.look(second)).group.status).toBe('RELEASED');
  const other = await world.node.send({ to, wei: HALF });
  await world.finalize();
  await world.provider.say(first, { txid: other.txid });
  await world.provider.say(second, { status: 'confirmed' });
  await lookAfterRelease(world.deps, second);
  expect(await lookAfterRelease(world.deps, second)).toEqual({ isPaid: true, why: null });
  expect(await world.balance('shortfall:ETH.C')).toMatchObject({ settled: '-0.5' });
  await world.db.query('update assets set withdrawals_paused = false');
  expect(await audit(world.db)).toMatchObject({ ok: true, faults: [] });
});

it('settles all where what made the first one had settled a third', async () => {
  const third = await world.withdraw('0.5', to);
  await world.look(third);
  const [taken, free] = [
    await world.node.send({ to, wei: HALF }),
    await world.node.send({ to, wei: HALF }),
  ];
  await world.finalize();
  await world.provider.say(third, { status: 'confirmed', txid: taken.txid });
  expect((await world.look(third)).group.status).toBe('SETTLED');
  await world.provider.say(first, { txid: taken.txid });
  await world.provider.say(third, { txid: free.txid });
  for (const _ of [1, 2, 3]) await world.look(second);
  const paid = 'select array_agg(paid_txid order by group_id) from custody_payments';
  expect(await world.value(paid)).toEqual([taken.txid, txid, free.txid]);
});

it('settles nobody twice by what it calls made anew', async () => {
  // What is called the first one's now pays somebody else.
  const other = await world.node.send({ to: freshAddress(), wei: HALF });
  await world.finalize();
  await world.provider.say(first, { txid: other.txid });
  for (const _ of [1, 2]) await world.look(second);
  expect((await world.look(second)).group.status).toBe('IN_PROGRESS');
});

it('asks about those alone that were settled by an event which could be its own', async () => {
  const PAY = parseAbi(['function pay(address[] to, uint256[] units) payable']);
  const payout = await deployPayout(world.rpcUrl, MNEMONIC);
  const twice = freshAddress();
  const elsewhere = freshAddress();
  const paid = await world.withdraw('0.5', twice);
  const other = await world.withdraw('0.3', elsewhere);
  const failed = await world.withdraw('0.5', twice);
  for (const id of [paid, other, failed]) await world.look(id);
  const to = [twice, elsewhere] as `0x${string}`[];
  const units = [HALF, 3n * 10n ** 17n];
  const data = encodeFunctionData({ abi: PAY, functionName: 'pay', args: [to, units] });
  const batch = await world.node.send({ to: payout, wei: 8n * 10n ** 17n, data });
  await world.finalize();
  for (const id of [paid, other]) {
    await world.provider.say(id, { status: 'confirmed', txid: batch.txid });
    expect((await world.look(id)).group.status).toBe('SETTLED');
  }
  // What became of a payment to somebody else says nothing about this one.
  await world.provider.say(other, { status: 'pending' });
  await world.provider.say(failed, { status: 'confirmed', txid: batch.txid });
  expect((await world.look(failed)).why).toMatch(new RegExp(`other withdrawals: ${paid}$`));
  await world.provider.say(failed, { status: 'failed' });
  expect((await world.look(failed)).group.status).toBe('RELEASED');
});

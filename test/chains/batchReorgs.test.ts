/** A batch that had failed for good, and whose block is dropped: it may pay after all. */
import { beforeAll, expect, it } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { cancelOnChain } from '../../src/ledger/replaceAttempt.ts';
import { createRescanner } from '../../src/watchers/lookAgain.ts';
import { createResender } from '../../src/watchers/sendAgain.ts';
import { endPauses, openPauses } from '../../src/withdrawals/explain.ts';
import { followWithdrawal, replaceWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import { type BatchWorld, createBatchWorld, payee } from './batchWorld.ts';
import { log, XPUB } from './chainWorld.ts';
import { SHOP } from './payWorld.ts';

const REFUSES = '0x60006000fd';
const MILLI = 10n ** 15n;
let world: BatchWorld;
let payees = 900;
let keys = 0;

beforeAll(async () => {
  world = await createBatchWorld();
});

const deps = () => {
  const { db, port } = world;
  return { db, port, watch: { chain: port.chain, holder: 'test' }, log };
};
const step = (id: string) => ({ groupId: id, stepKey: `act:shop:${++keys}`, actor: SHOP });
const back = { amount: null, final: true, reason: 'not wanted any more' };
const bytesOf = (id: string) =>
  world.value<string>('select bytes from withdrawal_attempts where group_id = $1', id);
const unitsOf = (to: readonly string[]) =>
  Promise.all(to.map((address) => world.units(address, null)));
const gone = () =>
  world.value<number>(
    'select count(*)::integer from chain_gone_again($1, $2)',
    world.port.chain,
    'test',
  );

/** So many withdrawals of 0.001 ETH whose batch a block has, which failed, final by `blocks`. */
async function failed(count: number, blocks: number) {
  await world.database.owner.query('update assets set final = $1', [String(blocks)]);
  const to = Array.from({ length: count }, () => payee(payees++));
  const ids = await world.waiting(to.map((destination) => ({ amount: '0.001', destination })));
  const [batch = ''] = await world.open();
  await world.node.automine(false);
  await world.sign(batch);
  await world.send(batch);
  await world.node.rpc('anvil_setCode', to.at(-1), REFUSES);
  await world.node.mine(blocks);
  expect(await world.look(batch)).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
  expect(await world.states(ids)).toEqual(Array(count).fill('held'));
  return { ids, to, batch, raw: await bytesOf(batch) };
}

/** As an operator who has looked. */
async function goOn(): Promise<void> {
  const door = createChainDoor({ db: world.db, chain: world.chain, xpub: XPUB });
  const from = await world.value<number>('select cursor_height::integer from chains');
  const asked = { requestedBy: 'ann', reason: 'looked at it', liftHalts: true };
  const { chain } = world.port;
  expect(await door.rescan({ chain, at: { from, to: null }, ...asked })).toHaveProperty('id');
  const lookAgain = createRescanner(deps());
  while (await lookAgain());
  await world.follow();
}

it('pays, and settles those alone that had not been paid or given back meanwhile', async () => {
  const { ids, to, batch, raw } = await failed(4, 1);
  const [paid = '', signed = '', held = '', given = ''] = ids;
  await world.sign(paid);
  await world.send(paid);
  await world.node.mine();
  expect(await world.look(paid)).toMatchObject({ status: 'SETTLED' });
  await world.sign(signed);
  expect(await releaseWithdrawal(world.db, { ...step(given), ...back })).toMatchObject({
    outcome: 'done',
  });

  const paidBytes = await bytesOf(paid);
  await world.node.reorg(2);
  await world.node.rpc('anvil_setCode', to.at(-1), '0x');
  expect(await world.follow()).toMatchObject({ turn: 'halted' });
  const states = () => world.states([batch, ...ids]);
  expect(await states()).toEqual(['released', 'settled', 'signed', 'broadcast', 'released']);
  await goOn();
  // The batch may pay now, so nobody sends it, and nothing goes out beside it.
  expect(await gone()).toBe(0);
  expect(await signWithdrawal(world.together, held)).toMatchObject({
    why: `${batch} pays it, together with others.`,
  });
  expect(await releaseWithdrawal(world.db, { ...step(held), ...back })).toMatchObject({
    refusal: { code: 'MAY_BE_ON_CHAIN' },
  });
  await world.node.resend(raw);
  await world.node.resend(paidBytes);
  await world.node.mine();
  await world.follow();
  expect(await states()).toEqual([
    'late_confirmed',
    'settled',
    'signed',
    'settled',
    'late_confirmed',
  ]);
  // Three payments more than anybody asked for, which are named.
  expect(await world.balance('shortfall:ETH')).toMatchObject({ settled: '-0.003' });
  expect(await openPauses(world.deps)).toMatchObject([
    {
      reason: expect.stringContaining(
        `It pays ${[paid, signed, given].sort().join(', ')} a second time`,
      ),
    },
  ]);
  for (const id of [paid, signed, given]) {
    expect(await world.events(id)).toContain('chain.late_confirmed');
  }
  expect(await endPauses(world.deps, 'talked to the payees')).toBe(1);
  expect(await unitsOf(to)).toEqual([2n * MILLI, MILLI, MILLI, MILLI]);
  const [line] = await reconcileChain(world.db, world.port);
  expect(line).toMatchObject({ asset: 'ETH', drift: '0' });

  // What is signed and in no block can be kept from paying twice.
  expect(await cancelOnChain(world.db, { ...step(signed), maxFee: null })).toMatchObject({
    outcome: 'done',
  });
  await followWithdrawal(world.deps, signed);
  await replaceWithdrawal(world.deps, signed);
  await world.send(signed);
  await world.node.mine();
  expect(await world.look(signed)).toMatchObject({ reason: 'CANCELLED_ON_CHAIN' });
  expect(await unitsOf(to)).toEqual([2n * MILLI, MILLI, MILLI, MILLI]);
  expect(await world.balance('shortfall:ETH')).toMatchObject({ settled: '-0.003' });
  await world.expectWhole();
});

it('goes out again where nobody can be paid twice, and lets go where it fails', async () => {
  const { ids, to, batch } = await failed(2, 2);
  await world.node.reorg(2);
  expect(await world.follow()).toMatchObject({ turn: 'halted' });
  expect(await gone()).toBe(0);
  await goOn();
  expect(await world.states([batch, ...ids])).toEqual(['released', 'broadcast', 'broadcast']);
  expect(await gone()).toBe(1);
  await createResender(deps())();
  await world.node.rpc('anvil_setCode', to.at(-1), REFUSES);
  await world.node.mine();
  await world.follow();
  // It failed, in a block that may go again.
  expect(await gone()).toBe(0);
  for (const id of ids) await signWithdrawal(world.together, id);
  expect(await world.states(ids)).toEqual(['broadcast', 'broadcast']);
  await world.node.mine();
  await world.follow();
  expect(await world.states([batch, ...ids])).toEqual(['released', 'held', 'held']);
  expect(await openPauses(world.deps)).toEqual([]);
  await world.node.rpc('anvil_setCode', to.at(-1), '0x');
  for (const id of ids) {
    await world.sign(id);
    await world.send(id);
  }
  await world.node.mine(2);
  for (const id of ids) expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  expect(await unitsOf(to)).toEqual([MILLI, MILLI]);
  await world.expectWhole();
});

it('that had paid and fails now is a loss of its members, who are named', async () => {
  await world.database.owner.query("update assets set final = '1'");
  const [to, other] = [payee(payees++), payee(payees++)];
  const ids = await world.waiting(
    [to, other].map((destination) => ({ amount: '0.001', destination })),
  );
  const [batch = ''] = await world.open();
  await world.sign(batch);
  await world.send(batch);
  await world.node.mine();
  expect(await world.look(batch)).toMatchObject({ status: 'SETTLED' });
  const lost = async () => Number((await world.balance('shortfall:ETH')).settled);
  const before = await lost();
  await world.node.reorg(2);
  await world.node.rpc('anvil_setCode', to, REFUSES);
  expect(await world.follow()).toMatchObject({ turn: 'halted' });
  await goOn();
  expect(await gone()).toBe(1);
  await createResender(deps())();
  await world.node.mine();
  await world.follow();
  expect(await unitsOf([to, other])).toEqual([0n, 0n]);
  expect(await world.states([batch, ...ids])).toEqual(['settled', 'settled', 'settled']);
  expect((await lost()) - before).toBeCloseTo(0.002, 10);
  for (const id of ids) expect(await world.events(id)).toContain('chain.late_unpaid');
  expect(await openPauses(world.deps)).toMatchObject([
    { reason: expect.stringContaining(`It was to pay ${ids.join(', ')}.`) },
  ]);
  expect(await endPauses(world.deps, 'talked to the customers')).toBe(1);
  await world.expectWhole();
});

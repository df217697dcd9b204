/** Groups that had ended by their asset's rule, and whose block is dropped all the same. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createChainDoor } from '../../src/chains/door.ts';
import { showAddress } from '../../src/chains/evm/addresses.ts';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { cancelOnChain } from '../../src/ledger/replaceAttempt.ts';
import { createRescanner } from '../../src/watchers/lookAgain.ts';
import { createResender } from '../../src/watchers/sendAgain.ts';
import { endPauses, openPauses } from '../../src/withdrawals/explain.ts';
import { followWithdrawal, replaceWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import { HOT, log, XPUB } from './chainWorld.ts';
import { SHOP } from './payWorld.ts';
import { createReorgWorld, type ReorgWorld } from './reorgWorld.ts';

let world: ReorgWorld;

beforeEach(async () => {
  world = await createReorgWorld();
  // By its own word final at once; the node says otherwise.
  await world.database.owner.query("update assets set final = '1' where code = 'ETH'");
});

afterEach(() => world.expectWhole());

const deps = () => {
  const { db, port } = world;
  return { db, port, watch: { chain: port.chain, holder: 'test' }, log };
};
const door = () => createChainDoor({ db: world.db, chain: world.chain, xpub: XPUB });
const bytesOf = (id: string, kind: string) =>
  world.value<string>(
    'select bytes from withdrawal_attempts where group_id = $1 and kind = $2',
    id,
    kind,
  );

/** Paid, and settled by the rule. */
async function settled(amount = '1') {
  const { id } = await world.withdraw('ETH', amount);
  await world.sign(id);
  const raw = await bytesOf(id, 'payment');
  await world.send(id);
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  return { id, raw };
}

/** Sent, and a cancellation beside it; no block has either yet. */
async function cancelling(amount = '1') {
  const { id } = await world.withdraw('ETH', amount);
  await world.node.automine(false);
  await world.sign(id);
  await world.send(id);
  const step = { groupId: id, stepKey: 'cancelOnChain:bank:1', actor: SHOP };
  await cancelOnChain(world.db, { ...step, maxFee: null });
  await followWithdrawal(world.deps, id);
  await replaceWithdrawal(world.deps, id);
  return { id, cancel: await bytesOf(id, 'cancel') };
}

/** As an operator who has looked. */
async function goOn(): Promise<void> {
  const from = await world.value<number>('select cursor_height::integer from chains');
  const { chain } = world.port;
  const asked = { requestedBy: 'ann', reason: 'looked at it', liftHalts: true };
  expect(await door().rescan({ chain, at: { from, to: null }, ...asked })).toHaveProperty('id');
  const lookAgain = createRescanner(deps());
  while (await lookAgain());
  await world.follow();
}

/** What the books and the chain do not have in common yet, of ETH. */
async function openTerms() {
  const [line] = await reconcileChain(world.db, world.port);
  expect(line).toMatchObject({ asset: 'ETH', drift: '0' });
  const { external: _, ...terms } = line?.terms ?? {};
  return Object.entries(terms).filter(([, amount]) => amount !== '0');
}

const feesOf = (id: string) =>
  world.value<string[]>(
    `select array_agg(trim_scale(n.fee)::text order by n.id) from attempt_inclusions n
     join withdrawal_attempts p on p.id = n.attempt_id where p.group_id = $1`,
    id,
  );
const networkFees = async () => Number((await world.balance('network-fees:ETH')).settled);

describe('a settled payment that is gone', () => {
  it('stops the chain until somebody has looked, and goes out again by itself then', async () => {
    const { id } = await settled();
    const other = await world.withdraw('ETH', '1');
    await world.node.reorg(1);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });
    expect(await world.events(id)).toContain('chain.orphaned_after_end');
    expect(await door().missing()).toBe('stands still: GET /v1/chains says why');
    expect(await signWithdrawal(world.deps, other.id)).toMatchObject({
      why: expect.stringMatching(/stands still/),
      group: { withdrawal: { state: 'awaiting_funds' } },
    });
    const gone = () =>
      world.value<number>(
        'select count(*)::integer from chain_gone_again($1, $2)',
        world.port.chain,
        'test',
      );
    // Nothing is sent before somebody has looked.
    expect(await gone()).toBe(0);
    expect(await openTerms()).not.toEqual([]);

    await goOn();
    expect(await gone()).toBe(1);
    const resend = createResender(deps());
    expect(await door().missing()).toBeNull();
    await resend();
    await resend();
    await world.node.mined();
    await world.node.mine(3);
    await world.follow();
    expect(await readGroup(world.db, id)).toMatchObject({ status: 'SETTLED' });
    expect(await world.events(id)).toContain('chain.included_again');
    expect(await openTerms()).toEqual([]);
    // Back in the chain, so that nothing is sent any more and others are paid.
    expect(await gone()).toBe(0);
    await world.sign(other.id);
    await world.send(other.id);
    expect(await world.look(other.id)).toMatchObject({ status: 'SETTLED' });
  });

  it('and was back before anybody looked: read by the rescan, its other fee booked', async () => {
    const { id, raw } = await settled();
    const paidFirst = await networkFees();
    // In the new branch a block without it comes first: the base fee is another one there.
    await world.node.reorg(1);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });
    await world.node.mine(2);
    await world.node.resend(raw);
    await world.node.mine(3);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });
    await goOn();
    const [first, again] = await feesOf(id);
    expect(again).not.toBe(first);
    expect(await networkFees()).toBeCloseTo(paidFirst + Number(first) - Number(again), 15);
    expect(await openTerms()).toEqual([]);
    expect(await openPauses(world.deps)).toEqual([]);
    expect(await world.balance('shortfall:ETH')).toMatchObject({ settled: '0' });
  });

  it('and is back in a block: booked by it once that is final, and not before', async () => {
    const { id, raw } = await settled();
    await world.node.reorg(1);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });
    await goOn();
    await world.database.owner.query("update assets set final = '3' where code = 'ETH'");
    const back = async () => {
      await world.follow();
      return (await world.events(id)).includes('chain.included_again');
    };
    await world.node.resend(raw);
    await world.node.mine(1);
    expect(await back()).toBe(false);
    await world.node.reorg(2);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });
    await goOn();
    await world.node.resend(raw);
    await world.node.mine(1);
    expect(await back()).toBe(false);
    await world.node.mine(1);
    expect(await back()).toBe(true);
    expect(await openTerms()).toEqual([]);
  });

  it('and its cancellation is there instead: nobody was paid, and the sender pauses', async () => {
    // The node was told of the payment alone.
    const { id, cancel } = await cancelling('0.5');
    await world.node.mine();
    await world.node.automine(true);
    expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
    await world.node.reorg(1, [{ raw: cancel, at: 0 }]);
    expect(await world.follow()).toMatchObject({ turn: 'halted' });
    await goOn();
    await world.node.mine(3);
    await world.follow();
    expect(await world.events(id)).toContain('chain.late_unpaid');
    expect(await world.balance('shortfall:ETH')).toMatchObject({ settled: '0.5' });
    expect(await openTerms()).toEqual([]);
    expect(await openPauses(world.deps)).toMatchObject([
      { reason: expect.stringMatching(/was settled, and now 0x\w+ has its nonce/) },
    ]);
    const shown = async () => (await door().chains())[0]?.senderPauses;
    expect(await shown()).toMatchObject([
      { sender: showAddress(HOT), cause: 'late_confirmed', reason: expect.stringContaining(id) },
    ]);
    const announced = 'select count(*)::integer from outbox where event = $1';
    expect(await world.value(announced, 'withdrawal.late_unpaid')).toBe(1);
    expect(await endPauses(world.deps, 'talked to the customer')).toBe(1);
    expect(await shown()).toEqual([]);
  });
});

it('a cancellation that comes again in another block is no payment after all', async () => {
  const { id, cancel } = await cancelling('0.5');
  await world.send(id);
  await world.node.mine();
  await world.node.automine(true);
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED' });
  await world.node.reorg(1);
  expect(await world.follow()).toMatchObject({ turn: 'halted' });
  await goOn();
  await world.node.mine(2);
  await world.node.resend(cancel);
  await world.node.mine(3);
  await world.follow();
  expect(await readGroup(world.db, id)).toMatchObject({
    status: 'RELEASED',
    withdrawal: { state: 'released' },
  });
  expect(await world.events(id)).toContain('chain.included_again');
  expect(await openPauses(world.deps)).toEqual([]);
  expect(await openTerms()).toEqual([]);
});

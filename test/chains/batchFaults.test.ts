/** What can go wrong with a batch: whatever it is, each member is paid once, or given back. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { cancelOnChain } from '../../src/ledger/replaceAttempt.ts';
import { openBatches } from '../../src/withdrawals/batch.ts';
import { followWithdrawal, replaceWithdrawal, signWithdrawal } from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { type BatchWorld, createBatchWorld, PAYOUT, payee } from './batchWorld.ts';
import { HOT } from './chainWorld.ts';
import { SHOP } from './payWorld.ts';

/** Code that refuses whatever it is sent. */
const REFUSES = '0x60006000fd';
const MILLI = 10n ** 15n;
let world: BatchWorld;
let payees = 100;

beforeAll(async () => {
  world = await createBatchWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

const setCode = (address: string, code: string) =>
  world.node.rpc<null>('anvil_setCode', address, code);
const step = (id: string, key: string) => ({ groupId: id, stepKey: key, actor: SHOP });

/** So many withdrawals of 0.001 each, to as many payees, waiting. */
async function some(count: number) {
  const to = Array.from({ length: count }, () => payee(payees++));
  const ids = await world.waiting(to.map((destination) => ({ amount: '0.001', destination })));
  return { ids, to };
}

/** The same, in a batch whose bytes are out and in no block. */
async function sent(count: number) {
  const members = await some(count);
  const [batch = ''] = await world.open();
  await world.node.automine(false);
  await world.sign(batch);
  await world.send(batch);
  return { ...members, batch };
}

/** Signs, sends and settles each by itself, as its saga would go on. */
async function payAlone(ids: readonly string[], deps: PayDeps = world.together) {
  for (const id of ids) {
    const { group } = await signWithdrawal(deps, id);
    expect(group.withdrawal?.state).toBe('signed');
    await world.send(id);
  }
  await world.node.mine(3);
  for (const id of ids) expect((await world.look(id)).status).toBe('SETTLED');
}

const unitsOf = (to: readonly string[]) =>
  Promise.all(to.map((address) => world.units(address, null)));

describe('a payee who refuses', () => {
  it('when a block has it: then each is paid alone, and never together again', async () => {
    const { ids, to, batch } = await sent(3);
    await setCode(to[1] ?? '', REFUSES);
    await world.node.mine();
    expect((await world.look(batch)).withdrawal).toMatchObject({ state: 'reverted' });
    expect(await world.states(ids)).toEqual(Array(3).fill('reverted'));
    expect(await unitsOf(to)).toEqual([0n, 0n, 0n]);
    await world.node.mine(3);
    const ended = await world.look(batch);
    expect(ended).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
    expect(ended.legs[0]).toMatchObject({ wallet: 'network-fees:ETH', remaining: '0' });
    expect(ended.legs[0]?.settled).toMatch(/^0\.000\d+$/);
    expect(await world.states(ids)).toEqual(Array(3).fill('held'));
    expect(await world.open()).toEqual([]);
    await setCode(to[1] ?? '', '0x');
    await world.node.automine(true);
    await payAlone(ids);
    expect(await unitsOf(to)).toEqual([MILLI, MILLI, MILLI]);
    const { withdrawal } = await world.group(ids[0] ?? '');
    expect(withdrawal?.attempts.map(({ outcome }) => outcome)).toEqual(['reverted', 'in_block']);
    await world.expectWhole();
  });

  it('before anything is signed: the others are paid together, in smaller batches', async () => {
    const { ids, to } = await some(6);
    await setCode(to[4] ?? '', REFUSES);
    const batches = await world.open();
    expect(batches).toHaveLength(1);
    expect(await world.states(ids)).toEqual([
      ...Array(3).fill('signing'),
      ...Array(3).fill('held'),
    ]);
    await setCode(to[4] ?? '', '0x');
    const [rest = '', ...none] = await world.open();
    expect(none).toEqual([]);
    for (const id of [...batches, rest]) {
      await world.sign(id);
      await world.send(id);
    }
    await world.node.mine(3);
    for (const id of [...batches, rest]) expect((await world.look(id)).status).toBe('SETTLED');
    expect(await unitsOf(to)).toEqual(Array(6).fill(MILLI));
    await world.expectWhole();
  });
});

it('pays the same payee the same amount as often as it was asked for', async () => {
  for (const asset of ['ETH', 'USDX']) {
    const destination = payee(payees++);
    const ids = await world.waiting(
      ['0.5', '0.5', '0.25'].map((amount) => ({ asset, amount, destination })),
    );
    const [batch = ''] = await world.open();
    const proves = (...amounts: string[]) => {
      const parts = amounts.map((amount) => ({ asset, amount, from: HOT, to: destination }));
      const whole = { asset: 'ETH', amount: '1.25', from: HOT, to: PAYOUT.toLowerCase() };
      return world.value<boolean>(
        `select chain_does_pay(p, w, $2, $3) from withdrawals w
         join withdrawal_attempts p using (group_id) where w.group_id = $1`,
        batch,
        JSON.stringify(asset === 'ETH' ? [whole] : parts),
        JSON.stringify(asset === 'ETH' ? parts : []),
      );
    };
    expect(await proves('0.5', '0.25')).toBe(false);
    expect(await proves('0.5', '0.5', '0.5')).toBe(false);
    expect(await proves('0.25', '0.5', '0.5')).toBe(true);
    await world.sign(batch);
    await world.send(batch);
    await world.node.mine(3);
    expect((await world.look(batch)).status).toBe('SETTLED');
    expect(await world.states(ids)).toEqual(Array(3).fill('settled'));
    const scale = asset === 'ETH' ? 10n ** 16n : 10n ** 4n;
    const contract = asset === 'ETH' ? null : world.usdx;
    expect(await world.units(destination, contract)).toBe(125n * scale);
  }
  await world.expectWhole();
});

it('goes back to broadcast when its block is dropped, and settles in the next one', async () => {
  const { ids, to, batch } = await sent(2);
  await world.node.mine();
  expect((await world.look(batch)).withdrawal?.state).toBe('in_block');
  await world.node.reorg(1);
  await world.look(batch);
  expect(await world.states([batch, ...ids])).toEqual(Array(3).fill('broadcast'));
  for (const id of ids) {
    expect((await world.group(id)).withdrawal).toMatchObject({
      confirmations: 0,
      attempts: [{ outcome: 'broadcast' }],
    });
  }
  await world.send(batch);
  await world.node.mine();
  await world.look(batch);
  expect(await world.states(ids)).toEqual(Array(2).fill('in_block'));
  await world.node.mine(2);
  expect((await world.look(batch)).status).toBe('SETTLED');
  expect(await unitsOf(to)).toEqual([MILLI, MILLI]);
  await world.expectWhole();
});

it('is signed and sent by whoever comes after a crash, as the same bytes', async () => {
  const { ids, to } = await some(2);
  const [batch = ''] = await world.open();
  // Its process died before it asked the signer; a second one before it sent the bytes.
  const [first, second] = await Promise.all([world.sign(batch), world.sign(batch)]);
  expect(first.withdrawal?.attempts).toHaveLength(1);
  expect(second.withdrawal?.attempts).toEqual(first.withdrawal?.attempts);
  await Promise.all([world.send(batch), world.send(batch)]);
  await world.node.mine(3);
  expect((await world.look(batch)).status).toBe('SETTLED');
  expect(await world.states(ids)).toEqual(Array(2).fill('settled'));
  expect(await unitsOf(to)).toEqual([MILLI, MILLI]);
  await world.expectWhole();
});

describe('a batch that no block takes', () => {
  const hurried = (): PayDeps => ({ ...world.deps, stuckAfterSeconds: 0, bumpAfterSeconds: 0 });

  it('is stuck, gets a higher fee on the same nonce, and its members show it', async () => {
    const { ids, batch } = await sent(2);
    await world.follow();
    expect((await followWithdrawal(hurried(), batch)).replace).toBe(true);
    expect(await world.states(ids)).toEqual(['stuck', 'stuck']);
    expect((await replaceWithdrawal(hurried(), batch)).why).toBeNull();
    expect(await world.states(ids)).toEqual(['replacing', 'replacing']);
    await world.send(batch);
    const { withdrawal } = await world.group(ids[0] ?? '');
    expect(withdrawal?.attempts).toHaveLength(2);
    expect(new Set(withdrawal?.attempts.map(({ nonce }) => nonce)).size).toBe(1);
    await world.node.mine(3);
    expect((await world.look(batch)).status).toBe('SETTLED');
    expect(await world.states(ids)).toEqual(['settled', 'settled']);
    await world.expectWhole();
  });

  it('is cancelled on the chain: then each can be given back, or is paid alone', async () => {
    const { ids, to, batch } = await sent(3);
    expect(
      await cancelOnChain(world.db, { ...step(batch, 'cancelOnChain:shop:b'), maxFee: null }),
    ).toMatchObject({ outcome: 'done' });
    expect(await world.states(ids)).toEqual(Array(3).fill('cancelling'));
    await world.follow();
    expect((await followWithdrawal(world.deps, batch)).replace).toBe(true);
    expect((await replaceWithdrawal(world.deps, batch)).why).toBeNull();
    await world.send(batch);
    await world.node.mine(4);
    await world.look(batch);
    expect(await world.look(batch)).toMatchObject({
      status: 'RELEASED',
      reason: 'CANCELLED_ON_CHAIN',
    });
    const [first = '', ...others] = ids;
    const back = { amount: null, final: true, reason: 'not wanted any more' };
    expect(
      await releaseWithdrawal(world.db, { ...step(first, 'release:shop:b'), ...back }),
    ).toMatchObject({ outcome: 'done', groupStatus: 'RELEASED' });
    await world.node.automine(true);
    await payAlone(others);
    expect(await unitsOf(to)).toEqual([0n, MILLI, MILLI]);
    await world.expectWhole();
  });
});

it('is not opened through a contract that is another one', async () => {
  const { ids } = await some(2);
  const swallowing = payee(payees++);
  await setCode(swallowing, '0x00');
  for (const contract of [swallowing, world.usdx, payee(payees++)]) {
    const batches = { ...world.batching.batches, contract };
    expect(await openBatches({ ...world.batching, batches })).toEqual([]);
  }
  expect(await world.states(ids)).toEqual(['held', 'held']);
});

it('is not opened where it would cost more than one payment may', async () => {
  const { ids } = await some(2);
  expect(await openBatches({ ...world.batching, feeCap: '0.000000001' })).toEqual([]);
  expect(await world.states(ids)).toEqual(['held', 'held']);
});

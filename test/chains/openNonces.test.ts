/** Groups that ended without paying, and whose nonce a reorganisation has opened again. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { endPauses, openPauses } from '../../src/withdrawals/explain.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import { spendNonce } from '../../src/withdrawals/spendNonce.ts';
import { payee } from './batchWorld.ts';
import { createOpenNonceWorld, type OpenNonceWorld, OUT, REFUSES } from './openNonceWorld.ts';

const MILLI = 10n ** 15n;
let world: OpenNonceWorld;
let payees = 1_200;

beforeAll(async () => {
  world = await createOpenNonceWorld();
});

beforeEach(() => world.node.automine(false));

const unitsOf = (to: readonly string[]) =>
  Promise.all(to.map((address) => world.units(address, null)));

/** A batch of three that failed for good; the first was paid alone since, and all that is gone. */
async function failedBatch() {
  const to = Array.from({ length: 3 }, () => payee(payees++));
  const ids = await world.waiting(to.map((destination) => ({ amount: '0.001', destination })));
  const [batch = ''] = await world.open();
  await world.sign(batch);
  await world.send(batch);
  await world.setCode(to[2], REFUSES);
  await world.node.mine();
  expect(await world.look(batch)).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
  const [paid = ''] = ids;
  await world.sign(paid);
  await world.send(paid);
  await world.node.mine();
  expect(await world.look(paid)).toMatchObject({ status: 'SETTLED' });
  const later = await world.withdraw('ETH', '0.001', { destination: payee(payees++) });
  await world.dropBlocks(2);
  await world.setCode(to[2], '0x');
  expect(await world.openNonces()).toBe(1);
  expect(await signWithdrawal(world.deps, later.id)).toMatchObject({
    why: expect.stringMatching(/^nonce \d+ of 0x\w+ was spent in a block that is gone, so it is/),
  });
  return { batch, ids, to, paid, later: later.id };
}

describe('a batch of which a member was paid alone', () => {
  it('is kept from paying by a transfer of nothing, and its members go on alone', async () => {
    const { batch, ids, to, paid, later } = await failedBatch();
    expect(await spendNonce(world.deps, batch)).toMatch(OUT);
    // Again, as after a crash: the same bytes.
    expect(await spendNonce(world.deps, batch)).toMatch(OUT);
    expect(await world.attempts(batch, 'cancel')).toHaveLength(1);
    expect(await world.events(batch)).toContain('withdrawal.spending_nonce');
    expect(await world.states(ids)).toEqual(['settled', 'broadcast', 'broadcast']);
    await world.node.mined();
    await world.node.mine();
    await world.follow();
    expect(await spendNonce(world.deps, batch)).toBeNull();
    expect(await world.states([batch, ...ids])).toEqual(['released', 'settled', 'held', 'held']);
    expect(await openPauses(world.deps)).toEqual([]);
    // What was settled alone is sent again now, and the others follow on later nonces.
    await world.resend();
    for (const id of [later, ...ids.slice(1)]) {
      await world.sign(id);
      await world.send(id);
    }
    await world.node.mine();
    await world.follow();
    for (const id of [later, ...ids.slice(1)]) {
      expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
    }
    expect(await world.events(paid)).toContain('chain.included_again');
    expect(await unitsOf(to)).toEqual([MILLI, MILLI, MILLI]);
    expect(await world.balance('shortfall:ETH')).toMatchObject({ settled: '0' });
    await world.expectWhole();
  });

  it('may pay all the same where its bytes are faster: who is paid twice is named', async () => {
    const { batch, ids, to, paid, later } = await failedBatch();
    const [old] = await world.attempts(batch, 'payment');
    expect(await spendNonce(world.deps, batch)).toMatch(OUT);
    const [spends] = await world.attempts(batch, 'cancel');
    await world.node.rpc('anvil_dropTransaction', spends?.txid);
    await world.node.resend(old?.bytes ?? '');
    await world.node.mine();
    expect(await spendNonce(world.deps, batch)).toBe(
      'a block has one of its transactions, and is about to be read',
    );
    await world.follow();
    expect(await spendNonce(world.deps, batch)).toBeNull();
    expect(await world.states([batch, ...ids])).toEqual([
      'late_confirmed',
      'settled',
      'settled',
      'settled',
    ]);
    expect(await openPauses(world.deps)).toMatchObject([
      { reason: expect.stringContaining(`It pays ${paid} a second time`) },
    ]);
    // Until somebody has looked the member's own payment is not sent again.
    await world.resend();
    await world.node.mine();
    expect(await unitsOf(to)).toEqual([MILLI, MILLI, MILLI]);
    expect(await endPauses(world.deps, 'talked to the payee')).toBe(1);
    await world.resend();
    await world.node.mine();
    await world.follow();
    expect(await unitsOf(to)).toEqual([2n * MILLI, MILLI, MILLI]);
    expect(await world.balance('shortfall:ETH')).toMatchObject({ settled: '-0.001' });
    await world.sign(later);
    await world.send(later);
    await world.node.mine();
    expect(await world.look(later)).toMatchObject({ status: 'SETTLED' });
    await world.expectWhole();
  });
});

it('a payment alone that had failed is not made after all', async () => {
  const destination = payee(payees++);
  await world.node.markUsed(destination);
  const { id } = await world.withdraw('ETH', '0.001', { destination });
  await world.sign(id);
  await world.setCode(destination, REFUSES);
  await world.send(id);
  await world.node.mine();
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
  const nonce = await world.nextNonce();
  await world.dropBlocks(1);
  await world.setCode(destination, '0x');
  expect(await world.nextNonce()).toBe(nonce - 1);
  // The cap forbids it: whoever reads the details of the workflow knows what to do.
  expect(await spendNonce({ ...world.deps, feeCap: '0.000000001' }, id)).toMatch(
    /; raise WITHDRAWAL_MAX_NETWORK_FEE of the workers, or wait until it costs less$/,
  );
  expect(await world.attempts(id, 'cancel')).toEqual([]);
  expect(await spendNonce(world.deps, id)).toMatch(OUT);
  // In no block for too long: the same with a higher fee.
  const soon = { ...world.deps, bumpAfterSeconds: 0 };
  expect(await spendNonce(soon, id)).toMatch(OUT);
  expect(await world.attempts(id, 'cancel')).toHaveLength(2);
  await world.node.mined();
  await world.node.mine();
  await world.follow();
  expect(await world.nextNonce()).toBe(nonce);
  expect(await spendNonce(soon, id)).toBeNull();
  expect(await world.events(id)).toContain('chain.included_again');
  expect(await world.group(id)).toMatchObject({ withdrawal: { state: 'released' } });
  expect(await world.units(destination, null)).toBe(0n);
  await world.expectWhole();
});

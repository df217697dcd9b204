/** Custodians that pay what they had failed for good, after it was given back. */
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { lookAfterRelease } from '../../src/custody/afterwards.ts';
import { audit } from '../../src/ledger/audit.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { setWalletStatus } from '../../src/ledger/wallets.ts';
import { observeWithdrawals } from '../../src/withdrawals/withdrawalMetrics.ts';
import { type CustodyWorld, createCustodyWorld, freshAddress } from './custodyWorld.ts';

const NOTHING = { isPaid: false, why: null };

/** Refused for good, and given back. */
async function givenBack(world: CustodyWorld, amount: string, to = freshAddress()) {
  const id = await world.withdraw(amount, to);
  await world.look(id);
  await world.provider.say(id, { status: 'rejected', detail: 'compliance said no' });
  expect((await world.look(id)).group).toMatchObject({ status: 'RELEASED' });
  return { id, to, wallet: `wallet-${id.split(':').at(-1)}` };
}

describe('a payment that was given back', () => {
  it('and is made all the same is booked as a loss, told, and stops the asset', async () => {
    const world = await createCustodyWorld({ payAtOnce: false });
    const { id, to, wallet } = await givenBack(world, '1.5');
    const look = () => lookAfterRelease(world.deps, id);
    expect(await look()).toEqual(NOTHING);
    expect(world.alerts).toEqual([]);

    await world.provider.say(id, { status: 'submitted' });
    await world.provider.release(id);
    expect(await look()).toMatchObject({ isPaid: false, why: expect.any(String) });
    expect(world.alerts).toContain('CUSTODIAN_CONTRADICTS');
    // A block has it, whatever it is called.
    world.alerts.length = 0;
    await world.provider.say(id, { status: 'failed' });
    expect(await look()).toMatchObject({
      isPaid: false,
      why: expect.stringContaining('not final'),
    });
    expect(world.alerts).toEqual(['CUSTODIAN_CONTRADICTS']);
    await world.finalize();
    expect(await look()).toEqual({ isPaid: true, why: null });
    expect(await look()).toEqual({ isPaid: true, why: null });
    expect(world.alerts).toContain('CUSTODIAN_PAID_LATE');
    expect(await world.coinsAt(to)).toBe(15n * 10n ** 17n);
    expect(await readGroup(world.db, id)).toMatchObject({
      status: 'RELEASED',
      withdrawal: { state: 'late_confirmed' },
    });
    expect(await world.balance(wallet)).toMatchObject({ available: '1.5' });
    expect(await world.balance('shortfall:ETH.C')).toMatchObject({ settled: '-1.5' });
    const events = (await readTimeline(world.db, id)).map(({ event }) => event);
    expect(events).toContain('withdrawal.late_confirmed');
    const paused = "select withdrawals_paused from assets where code = 'ETH.C'";
    expect(await world.value(paused)).toBe(true);
    expect(await world.value('select reason from asset_pauses')).toContain(id);
    expect(await audit(world.db)).toMatchObject({ ok: true, faults: [] });
    // It has ended, whatever became of it.
    const registry = new Registry();
    observeWithdrawals(registry, world.db);
    expect(await registry.metrics()).not.toMatch(/holdfast_open_withdrawals\w*\{/);
  });

  it('is booked as soon as it can be, where the wallet that pays it is frozen', async () => {
    const world = await createCustodyWorld({ payAtOnce: false });
    const { id } = await givenBack(world, '1');
    await world.provider.say(id, { status: 'submitted' });
    await world.provider.release(id);
    await world.finalize();
    const set = (status: 'FROZEN' | 'OPEN') =>
      setWalletStatus(world.db, { id: 'shortfall:ETH.C', status, reason: 'x', actor: 'ann' });
    expect(await set('FROZEN')).toHaveProperty('wallet');
    for (let again = 0; again < 2; again += 1) {
      expect(await lookAfterRelease(world.deps, id)).toEqual({
        isPaid: false,
        why: 'it cannot be booked: Wallet shortfall:ETH.C is FROZEN.',
      });
    }
    expect(await readGroup(world.db, id)).toMatchObject({ withdrawal: { state: 'released' } });
    await set('OPEN');
    expect(await lookAfterRelease(world.deps, id)).toEqual({ isPaid: true, why: null });
    expect(await world.balance('shortfall:ETH.C')).toMatchObject({ settled: '-1' });
    expect(await audit(world.db)).toMatchObject({ ok: true, faults: [] });
  });

  it('is not paid by what another withdrawal was settled by', async () => {
    const world = await createCustodyWorld({ payAtOnce: false });
    const to = freshAddress();
    const { id } = await givenBack(world, '1', to);
    const other = await world.withdraw('1', to);
    await world.look(other);
    await world.provider.release(other);
    await world.finalize();
    expect((await world.look(other)).group).toMatchObject({ status: 'SETTLED' });
    const txid = world.provider.book.get(other)?.txid ?? null;
    await world.provider.say(id, { status: 'confirmed', txid });
    expect(await lookAfterRelease(world.deps, id)).toMatchObject({
      isPaid: false,
      why: expect.stringMatching(/was for other withdrawals/),
    });
    expect(await world.balance('shortfall:ETH.C')).toMatchObject({ settled: '0' });
  });

  it('is believed to be paid where no chain is looked at and the custodian says so', async () => {
    const world = await createCustodyWorld({ payAtOnce: false }, null);
    const { id } = await givenBack(world, '2');
    expect(await lookAfterRelease(world.deps, id)).toEqual(NOTHING);
    await world.provider.say(id, { status: 'confirmed' });
    expect(await lookAfterRelease(world.deps, id)).toEqual({ isPaid: true, why: null });
    expect(await world.balance('shortfall:ETH.C')).toMatchObject({ settled: '-2' });
  });

  it('by a person, before the custodian was asked, is not asked about', async () => {
    const world = await createCustodyWorld({ payAtOnce: false });
    const id = await world.withdraw('1');
    expect(await lookAfterRelease(world.deps, id)).toEqual(NOTHING);
    expect(world.provider.submissions()).toBe(0);
  });
});

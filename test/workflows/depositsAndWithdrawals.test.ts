import { beforeAll, describe, expect, it } from 'vitest';
import type { OpenWithdrawalInput } from '../../src/contracts/steps.ts';
import { actInput, depositInput, withdrawalInput } from './inputs.ts';
import {
  balanceOf,
  createWorld,
  doneGroup,
  eventually,
  groupOf,
  WAIT_MS,
  type World,
  wallet,
} from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
});

const handleOf = (groupId: string) => world.sagas.client.workflow.getHandle(groupId);

async function pendingDeposit(key: string) {
  const to = await wallet(world, '0');
  const input = depositInput(key, to);
  doneGroup(await world.sagas.gateway.start('deposit', input, WAIT_MS));
  return { to, id: input.groupId };
}

async function heldWithdrawal(key: string, changes: Partial<OpenWithdrawalInput> = {}) {
  const from = await wallet(world, '100');
  const input = withdrawalInput(key, from, changes);
  doneGroup(await world.sagas.gateway.start('withdrawal', input, WAIT_MS));
  return { from, id: input.groupId };
}

describe('a deposit without a chain', () => {
  it('is confirmed in parts by updates, and waits until all of it is decided', async () => {
    const { to, id } = await pendingDeposit('in parts');
    expect(await balanceOf(world, to)).toMatchObject({ available: '0', pendingIn: '100' });
    const { gateway } = world.sagas;
    const part = { amount: '40', final: false, txid: null };
    const first = await gateway.act(
      'confirm',
      actInput<'confirm'>('confirm', id, '1', part),
      WAIT_MS,
    );
    expect(doneGroup(first).status).toBe('IN_PROGRESS');
    expect(await balanceOf(world, to)).toMatchObject({ available: '40', pendingIn: '60' });
    const tooMuch = { amount: '61', final: false, txid: null };
    const refused = await gateway.act(
      'confirm',
      actInput<'confirm'>('confirm', id, '2', tooMuch),
      WAIT_MS,
    );
    expect(refused).toMatchObject({ refusal: { code: 'AMOUNT_EXCEEDS_HELD' } });
    const rest = { amount: null, final: true, txid: null };
    await gateway.act('confirm', actInput<'confirm'>('confirm', id, '3', rest), WAIT_MS);
    expect(await handleOf(id).result()).toMatchObject({ status: 'SETTLED' });
    expect(await balanceOf(world, to)).toMatchObject({ available: '100', pendingIn: '0' });
  });

  it('is cancelled by update, by signal and by the Cancel button', async () => {
    const byUpdate = await pendingDeposit('cancel by update');
    const cancel = actInput<'cancelDeposit'>('cancel', byUpdate.id, '1', { reason: 'bounced' });
    doneGroup(await world.sagas.gateway.act('cancelDeposit', cancel, WAIT_MS));
    const bySignal = await pendingDeposit('cancel by signal');
    await handleOf(bySignal.id).signal('cancel', 'bounced');
    await handleOf(bySignal.id).result();
    const byButton = await pendingDeposit('cancel by button');
    await handleOf(byButton.id).cancel();
    await expect(handleOf(byButton.id).result()).rejects.toThrow('cancelled');
    for (const { id, to } of [byUpdate, bySignal, byButton]) {
      expect((await groupOf(world, id)).status).toBe('CANCELLED');
      expect(await balanceOf(world, to)).toMatchObject({ available: '0', pendingIn: '0' });
    }
  });

  it('refuses the acts of transfers, by update and by signal, and goes on waiting', async () => {
    const { id, to } = await pendingDeposit('wrong acts');
    const settle = actInput<'settle'>('settle', id, '1', { legs: null, final: true });
    const outcome = await world.sagas.gateway.act('settle', settle, WAIT_MS);
    expect(outcome).toMatchObject({ refusal: { code: 'WRONG_KIND' } });
    await handleOf(id).signal('release', 'wrong button');
    const status = await eventually(
      () => handleOf(id).query<{ lastRefusal: { act: string } | null }>('status'),
      ({ lastRefusal }) => lastRefusal?.act === 'release',
    );
    expect(status.lastRefusal).toMatchObject({ refusal: { code: 'WRONG_KIND' } });
    await handleOf(id).signal('settle', 'seen on the account');
    expect(await handleOf(id).result()).toMatchObject({ status: 'SETTLED' });
    expect((await balanceOf(world, to)).available).toBe('100');
  });

  it('that is known under another key answers the first group and drives nothing', async () => {
    const to = await wallet(world, '0');
    const { gateway } = world.sagas;
    const first = doneGroup(
      await gateway.start('deposit', depositInput('tx 1', to, 'T1'), WAIT_MS),
    );
    const again = depositInput('tx 1 again', to, 'T1');
    expect(doneGroup(await gateway.start('deposit', again, WAIT_MS)).id).toBe(first.id);
    expect(await handleOf(again.groupId).result()).toMatchObject({ groupId: first.id });
    expect((await handleOf(first.id).describe()).status.name).toBe('RUNNING');
    expect((await balanceOf(world, to)).pendingIn).toBe('100');
  });
});

describe('a withdrawal without a chain', () => {
  it('is finalized by update or released by signal', async () => {
    const paid = await heldWithdrawal('paid');
    expect(await balanceOf(world, paid.from)).toMatchObject({ available: '40', held: '60' });
    const finalize = actInput<'finalize'>('finalize', paid.id, '1', {
      amount: null,
      final: true,
      txid: 'wire 7',
    });
    const group = doneGroup(await world.sagas.gateway.act('finalize', finalize, WAIT_MS));
    expect(group.withdrawal?.state).toBe('settled');
    expect(await balanceOf(world, paid.from)).toMatchObject({ available: '40', held: '0' });

    const back = await heldWithdrawal('given back');
    await handleOf(back.id).signal('release', 'account closed');
    expect(await handleOf(back.id).result()).toMatchObject({ status: 'RELEASED' });
    expect(await balanceOf(world, back.from)).toMatchObject({ available: '100', held: '0' });
  });

  it('is only marked stuck by its deadline, and still ends as somebody says', async () => {
    const { id, from } = await heldWithdrawal('stuck', { expiresIn: 1 });
    const stuck = await eventually(
      () => groupOf(world, id),
      (group) => group.withdrawal?.state === 'stuck',
    );
    expect(stuck.status).toBe('IN_PROGRESS');
    expect((await balanceOf(world, from)).held).toBe('60');
    const { next } = await handleOf(id).query<{ next: string }>('status');
    expect(next).toBe('Stuck: its deadline passed. Find out whether it was paid, then act.');
    await handleOf(id).signal('settle', 'the bank confirms');
    expect(await handleOf(id).result()).toMatchObject({ status: 'SETTLED' });
  });
});

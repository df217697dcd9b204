/** Stuck payments with their sagas on a real Temporal server: replaced by time and by people. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { WithdrawalState } from '../../src/contracts/resources.ts';
import { speedUp } from '../../src/ledger/replaceAttempt.ts';
import { repairGroup } from '../../src/temporal/repair.ts';
import { replaceWithdrawal } from '../../src/withdrawals/pay.ts';
import { HOT, log } from './chainWorld.ts';
import { createSagaWorld, type SagaWorld } from './sagaWorld.ts';

let world: SagaWorld;

beforeAll(async () => {
  world = await createSagaWorld(60);
  await world.watch();
});

beforeEach(async () => {
  await world.node.automine(false);
});

/** Started and sent, in no block. */
async function sent(asset = 'ETH', amount = '0.5') {
  const input = await world.prepare(asset, amount);
  await world.sagas.gateway.start('chainWithdrawal', input, 10_000);
  await when(input.groupId, 'broadcast');
  return input;
}

const when = (id: string, state: WithdrawalState, attempts = 1) =>
  world.groupWhen(
    id,
    (group) => group?.withdrawal?.state === state && group.withdrawal.attempts.length === attempts,
  );

it('speeds up when a person asks, at once, and settles by whichever is mined', async () => {
  const { groupId, actor } = await sent();
  const act = { groupId, stepKey: 'speedUp:bank:1', actor, maxFee: null };
  const askedAt = Date.now();
  expect(await world.sagas.gateway.act('speedUp', act, 10_000)).toMatchObject({ outcome: 'done' });
  const replacing = await when(groupId, 'replacing', 2);
  // Without being woken the saga looks after ten seconds.
  expect(Date.now() - askedAt).toBeLessThan(6_000);
  expect(replacing.withdrawal?.attempts[1]?.kind).toBe('payment');
  await world.node.mine(3);
  await when(groupId, 'settled', 2);
});

it('cancels on the chain when a person asks, and gives back at finality', async () => {
  const { groupId, actor, wallet } = await sent('USDX', '4');
  const act = { groupId, stepKey: 'cancelOnChain:bank:1', actor, maxFee: null };
  await world.sagas.gateway.act('cancelOnChain', act, 10_000);
  await when(groupId, 'cancelling', 2);
  // Signed is not sent: until the node has it, a block would take the payment.
  const cancelling = await world.groupWhen(
    groupId,
    (group) => group?.withdrawal?.attempts[1]?.outcome === 'broadcast',
  );
  expect(cancelling.withdrawal?.attempts[1]?.kind).toBe('cancel');
  await world.node.mine(3);
  const released = await when(groupId, 'released', 2);
  expect(released.reason).toBe('CANCELLED_ON_CHAIN');
  expect(await world.balance(wallet)).toMatchObject({ available: '4', held: '0' });
  const again = await world.sagas.gateway.act('cancelOnChain', act, 10_000);
  expect(again).toMatchObject({ outcome: 'done', replayed: true });
});

it('signs what a run had begun that was ended by force before it was signed', async () => {
  const { groupId, actor } = await sent();
  await world.sagas.client.workflow.getHandle(groupId).terminate('by an operator');
  await speedUp(world.db, { groupId, stepKey: 'speedUp:bank:1', actor, maxFee: null });
  const sign = () => Promise.reject(new Error('the process died here'));
  const died = { ...world.deps, signer: async () => ({ sender: HOT, sign }) };
  await expect(replaceWithdrawal(died, groupId)).rejects.toThrow('died here');
  await repairGroup({ client: world.sagas.client, db: world.db, log }, groupId);
  await when(groupId, 'replacing', 2);
  await world.groupWhen(
    groupId,
    (group) => group?.withdrawal?.attempts[1]?.outcome === 'broadcast',
  );
  await world.node.mine(3);
  await when(groupId, 'settled', 2);
});

it('raises the fee by itself while no block comes, and not past the cap', async () => {
  // One world has one worker: the second one bumps every second, up to about three times.
  const hasty = await createSagaWorld(1, { bumpAfterSeconds: 1, feeCap: '0.00008' });
  await hasty.watch();
  await hasty.node.automine(false);
  const input = await hasty.prepare('ETH', '0.5');
  await hasty.sagas.gateway.start('chainWithdrawal', input, 10_000);
  const stuck = await hasty.groupWhen(
    input.groupId,
    (group) =>
      group?.withdrawal?.state === 'stuck' && (group.withdrawal?.attempts.length ?? 0) >= 2,
  );
  expect(stuck.status).toBe('IN_PROGRESS');
  await hasty.node.mine(3);
  await hasty.groupWhen(input.groupId, (group) => group?.status === 'SETTLED');
  const dearest = 'select max(max_fee) <= 0.00008 from withdrawal_attempts where group_id = $1';
  expect(await hasty.value(dearest, input.groupId)).toBe(true);
});

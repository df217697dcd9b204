/** Withdrawals to a chain that wait for people: nothing is signed before the last yes. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Group } from '../../src/contracts/resources.ts';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { approve } from '../../src/ledger/approve.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import type { SagaStatus } from '../../workflows/acts.ts';
import { DESTINATION } from './payWorld.ts';
import { createSagaWorld, type SagaWorld } from './sagaWorld.ts';

const WAIT_MS = 20_000;
let world: SagaWorld;

beforeAll(async () => {
  world = await createSagaWorld(600);
  const every = { asset: 'ETH', owner: null, walletKind: null, from: '1', approvals: 1 };
  await putApprovalRule(world.db, { id: 'eth', ...every });
  await world.watch();
});

const yes = (groupId: string) =>
  approve(world.db, {
    groupId,
    stepKey: 'approve:ann:1',
    actor: { name: 'ann', admin: false },
    reason: 'looked at',
  });
const stateOf = (group: Group | null) => group?.withdrawal?.state;
const attempts = (id: string) =>
  world.value<number>('select count(*)::integer from withdrawal_attempts where group_id = $1', id);

describe('a withdrawal to a chain above a rule', () => {
  it('is signed after the approval, and paid', async () => {
    const input = await world.prepare('ETH', '1');
    await world.sagas.gateway.start('chainWithdrawal', input, WAIT_MS);
    const waiting = await world.groupWhen(input.groupId, (group) => group !== null);
    expect(stateOf(waiting)).toBe('awaiting_approval');
    const handle = world.sagas.client.workflow.getHandle(input.groupId);
    const { next } = await handle.query<SagaStatus>('status');
    expect(next).toBe(
      'Waits for 1 approval by a client other than shop; none yet. Asked for by rule eth.',
    );
    expect(await attempts(input.groupId)).toBe(0);
    // The saga does not even try: it waits for the approval, not for coins.
    const { events = [] } = await handle.fetchHistory();
    const tasks = events?.map((event) => event.activityTaskScheduledEventAttributes);
    expect(tasks?.filter((task) => task?.activityType?.name === 'signWithdrawal')).toEqual([]);

    expect((await yes(input.groupId)).outcome).toBe('done');
    await world.sagas.gateway.wake(input.groupId);
    const sent = await world.groupWhen(input.groupId, (group) => stateOf(group) === 'broadcast');
    expect(sent.withdrawal?.attempts).toHaveLength(1);
    await world.node.mine(3);
    const paid = await world.groupWhen(input.groupId, (group) => group?.status === 'SETTLED');
    expect(paid.legs[0]).toMatchObject({ amount: '1', settled: '1' });
    const { height } = await world.port.head();
    const arrived = await world.port.balanceOf(DESTINATION.toLowerCase(), null, height);
    expect(arrived).toBe(10n ** 18n);
  });

  it('is not signed before, whoever asks for it', async () => {
    const input = await world.prepare('ETH', '1');
    expect((await openWithdrawal(world.db, input)).outcome).toBe('done');
    expect(stateOf(await world.sign(input.groupId))).toBe('awaiting_approval');
    expect(await attempts(input.groupId)).toBe(0);
    await yes(input.groupId);
    await world.sign(input.groupId);
    expect(await attempts(input.groupId)).toBe(1);
  });

  it('ends at its deadline when nobody said anything', async () => {
    const input = await world.prepare('ETH', '1', { expiresIn: 1 });
    await world.sagas.gateway.start('chainWithdrawal', input, WAIT_MS);
    const ended = await world.groupWhen(input.groupId, (group) => group?.status === 'CANCELLED');
    expect(ended.reason).toBe('EXPIRED');
    expect(await world.balance(input.wallet)).toMatchObject({ available: '1', held: '0' });
    expect(await attempts(input.groupId)).toBe(0);
  });
});

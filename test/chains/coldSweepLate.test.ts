/** Sweeps that are signed long after they were opened: withdrawals have taken their coins since. */
import { beforeEach, expect, it } from 'vitest';
import { openSweeps } from '../../src/collection/sweep.ts';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { approve } from '../../src/ledger/approve.ts';
import { putTreasuryRule } from '../../src/ledger/treasuryRules.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import { log } from './chainWorld.ts';
import { type CollectWorld, createCollectWorld, ETH } from './collectWorld.ts';

const COLD = '0xCA35b7d915458EF540aDe6068dFe2F44E8fa733c';
let world: CollectWorld;

/** The hot wallet begins with 10,000 ETH. */
beforeEach(async () => {
  world = await createCollectWorld();
  const asked = { asset: 'ETH', owner: null, walletKind: 'system' as const, from: '0' };
  await putApprovalRule(world.db, { id: 'cold', ...asked, approvals: 1 });
  await marks('7000');
});

async function marks(lowWater: string | null): Promise<void> {
  const amounts = { minAmount: '1', maxFee: '0.01', lowWater, highWater: '9000' };
  await putTreasuryRule(world.db, { asset: 'ETH', ...amounts, coldAddress: COLD });
}

/** Of some 2,000, and approved when `meanwhile` has happened. */
async function approvedAfter(meanwhile: () => Promise<unknown>): Promise<string> {
  const [id = ''] = await openSweeps(world.db, log, world.port.chain);
  await meanwhile();
  const step = { groupId: id, stepKey: 'approve:ann:1', actor: { name: 'ann', admin: false } };
  expect(await approve(world.db, { ...step, reason: 'seen' })).toMatchObject({ outcome: 'done' });
  return id;
}

const stateOf = async (id: string) => (await world.sign(id)).withdrawal?.state;

it('one that would leave less than the low mark waits, and is paid when it does not', async () => {
  const id = await approvedAfter(async () => {
    const { id } = await world.withdraw('ETH', '2500');
    expect(await world.pay(id)).toMatchObject({ status: 'SETTLED' });
  });
  expect(await signWithdrawal(world.deps, id)).toMatchObject({
    group: { withdrawal: { state: 'awaiting_funds', attempts: [] } },
    why: 'the hot wallet keeps 7000 ETH, and 0 that withdrawals wait for',
  });
  // Nobody waits for what the hot wallet would need for it.
  await world.deposited('alice', 'ETH', ETH * 5n);
  expect(await world.collect()).toEqual([]);
  await marks('5000');
  expect(await stateOf(id)).toBe('signed');
  expect(await world.pay(id)).toMatchObject({ status: 'SETTLED' });
  await world.expectWhole();
});

it('one leaves what withdrawals wait for by then, where there is no low mark too', async () => {
  await marks(null);
  const id = await approvedAfter(() => world.withdraw('ETH', '9000'));
  expect(await stateOf(id)).toBe('awaiting_funds');
  await world.expectWhole();
});

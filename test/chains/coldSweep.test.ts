/** What the hot wallet has too much of goes to the cold address, as a withdrawal of its own. */
import { parseEther } from 'viem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSweeps } from '../../src/collection/sweep.ts';
import { putApprovalRule } from '../../src/ledger/approvalRules.ts';
import { approve } from '../../src/ledger/approve.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { releaseWithdrawal } from '../../src/ledger/releaseWithdrawal.ts';
import { putTreasuryRule } from '../../src/ledger/treasuryRules.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import { HOT, log } from './chainWorld.ts';
import { type CollectWorld, createCollectWorld, ETH, groupOf, USDX } from './collectWorld.ts';
import { DESTINATION, SHOP } from './payWorld.ts';

/** Nobody's but the safe's. */
const COLD = '0xCA35b7d915458EF540aDe6068dFe2F44E8fa733c';
let world: CollectWorld;

/** The hot wallet begins with 10,000 ETH that are booked. */
beforeEach(async () => {
  world = await createCollectWorld();
});

afterEach(() => world.expectWhole());

/** Marks at 7,000 and 9,000: a sweep leaves 8,000. */
async function rule(coldAddress: string | null, marks = ['7000', '9000']): Promise<void> {
  const [lowWater = null, highWater = null] = marks;
  const amounts = { minAmount: '1', maxFee: '0.01', lowWater, highWater };
  expect(await putTreasuryRule(world.db, { asset: 'ETH', ...amounts, coldAddress })).toHaveProperty(
    'rule',
  );
}

const sweep = () => openSweeps(world.db, log, world.port.chain);
const atRest = () =>
  world.value<string>(
    "select trim_scale(chain_booked_at($1, 'hot', 'ETH'))::text",
    world.port.chain,
  );
const idOf = (number: number) => `withdrawal:chain:cold:ETH:${number}`;

describe('a sweep', () => {
  it('takes what is above the high mark, down to the middle, from no balance', async () => {
    await world.deposited('alice', 'ETH', ETH);
    await rule(COLD);
    const before = Number(await atRest());
    const treasury = await world.balance('treasury:ETH');
    expect(await sweep()).toEqual([idOf(1)]);
    expect(await sweep()).toEqual([]);
    const settled = await world.pay(idOf(1));
    expect(settled).toMatchObject({ kind: 'withdrawal', status: 'SETTLED' });
    const swept = settled.legs[0]?.amount;
    expect(Number(swept)).toBeCloseTo(before - 8_000, 6);
    expect(await world.coins(COLD)).toBe(parseEther(swept ?? ''));
    expect(await world.balance('cold:ETH')).toMatchObject({ settled: `-${swept}` });
    expect(await world.balance('treasury:ETH')).toEqual(treasury);
    expect(await world.balance('alice')).toMatchObject({ available: '1' });
    expect(Number(await atRest())).toBeCloseTo(8_000, 1);
    expect(await sweep()).toEqual([]);
  });

  it('leaves what withdrawals wait for', async () => {
    await rule(COLD);
    const { id } = await world.withdraw('ETH', '1500');
    expect(await sweep()).toEqual([]);
    const step = { groupId: id, stepKey: 'release:shop:1', actor: SHOP };
    await releaseWithdrawal(world.db, { ...step, reason: 'r', amount: null, final: true });
    expect(await sweep()).toEqual([idOf(1)]);
  });

  it('pays no withdrawal fee, and of a token its own units', async () => {
    await world.database.owner.query("update assets set withdrawal_fee = 1 where code = 'USDX'");
    const units = await world.coins(HOT, world.usdx);
    const marks = { minAmount: '1', maxFee: '0.01', lowWater: null, highWater: '3' };
    await putTreasuryRule(world.db, { asset: 'USDX', ...marks, coldAddress: COLD });
    const [id = ''] = await sweep();
    expect((await groupOf(world, id)).legs).toHaveLength(2);
    expect(await world.pay(id)).toMatchObject({ status: 'SETTLED' });
    expect(await world.coins(COLD, world.usdx)).toBe(units - (3n * USDX) / 2n);
  });

  it('waits for the approvals that its wallet needs', async () => {
    const asked = { asset: 'ETH', owner: null, walletKind: 'system' as const, from: '0' };
    await putApprovalRule(world.db, { id: 'cold', ...asked, approvals: 1 });
    await rule(COLD);
    const [id = ''] = await sweep();
    expect((await world.sign(id)).withdrawal?.state).toBe('awaiting_approval');
    const step = { groupId: id, stepKey: 'approve:ann:1', actor: { name: 'ann', admin: false } };
    expect(await approve(world.db, { ...step, reason: 'seen' })).toMatchObject({ outcome: 'done' });
    expect(await world.pay(id)).toMatchObject({ status: 'SETTLED' });
  });

  it('that somebody gave back is asked for again after a day', async () => {
    await rule(COLD);
    const [id = ''] = await sweep();
    const step = { groupId: id, stepKey: 'release:shop:1', actor: SHOP };
    await releaseWithdrawal(world.db, { ...step, reason: 'not now', amount: null, final: true });
    expect(await sweep()).toEqual([]);
    const { owner } = world.database;
    await owner.query('alter table sweeps disable trigger all');
    await owner.query("update sweeps set created_at = created_at - interval '25 hours'");
    expect(await sweep()).toEqual([idOf(2)]);
  });
});

describe('the cold wallet', () => {
  const from = async (destination: string) => {
    const input = await world.prepare('ETH', '1', { destination });
    const actor = { name: 'admin', admin: true };
    return openWithdrawal(world.db, { ...input, actor, wallet: 'cold:ETH' });
  };

  it('pays to the cold address of its rule and to nobody else, whoever asks', async () => {
    await rule(COLD);
    await sweep();
    expect(await from(DESTINATION)).toMatchObject({ refusal: { code: 'DESTINATION_NOT_ALLOWED' } });
    expect(await from(COLD)).toMatchObject({ outcome: 'done' });
  });

  it('pays nothing to an address that is no longer the rule’s', async () => {
    await rule(COLD);
    const [id = ''] = await sweep();
    await rule(DESTINATION);
    expect(await signWithdrawal(world.deps, id)).toMatchObject({
      why: expect.stringMatching(/cold address of the treasury rule of ETH alone/),
      group: { withdrawal: { state: 'awaiting_funds', attempts: [] } },
    });
    await rule(null, []);
    expect(await signWithdrawal(world.deps, id)).toMatchObject({
      group: { withdrawal: { attempts: [] } },
    });
  });

  it('is named by no customer', async () => {
    const made = world.value(
      "select ledger_create_wallet('cold:USDX', 'eve', 'USDX', 'user', '{}')",
    );
    expect(await made).toMatchObject({ refusal: { code: 'INVALID_REQUEST' } });
  });
});

it('nothing is swept while the chain stands still, the asset or the sender is paused', async () => {
  await rule(COLD);
  const { owner } = world.database;
  for (const [begin, end] of [
    [
      "update assets set withdrawals_paused = true where code = 'ETH'",
      'update assets set withdrawals_paused = false',
    ],
    [
      `insert into sender_pauses (chain, sender, cause, reason)
         select chain, address, 'nonce_taken', 'r' from hot_addresses`,
      'update sender_pauses set until = now()',
    ],
    ["select chain_halt(id, 'a test') from chains", 'update chain_halts set until = now()'],
  ] as const) {
    await owner.query(begin);
    expect(await sweep(), begin).toEqual([]);
    await owner.query(end);
  }
  expect(await sweep()).toEqual([idOf(1)]);
});

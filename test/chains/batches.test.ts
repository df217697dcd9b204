/** Several withdrawals in one transaction, step by step on a real node: all are paid, or none. */
import { keccak256 } from 'viem';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import { PAYOUT_CODE_HASH } from '../../src/chains/evm/payouts.ts';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import type { Watch } from '../../src/chains/port.ts';
import { signWithdrawal } from '../../src/withdrawals/pay.ts';
import { type BatchWorld, createBatchWorld, PAYOUT, payee } from './batchWorld.ts';
import { STRANGER } from './node.ts';

let world: BatchWorld;

beforeAll(async () => {
  world = await createBatchWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

it('trusts the very code that is in the tree', async () => {
  const code = await world.node.rpc<`0x${string}`>('eth_getCode', PAYOUT, 'latest');
  expect(keccak256(code)).toBe(PAYOUT_CODE_HASH);
});

describe.each([
  {
    asset: 'ETH',
    amounts: ['0.5', '0.25', '0.125'],
    units: [500n, 250n, 125n].map((thousandths) => thousandths * 10n ** 15n),
  },
  { asset: 'USDX', amounts: ['5', '2.5', '1.000001'], units: [5_000_000n, 2_500_000n, 1_000_001n] },
])('of $asset', ({ asset, amounts, units }) => {
  it('are signed, sent, announced and settled together, each in its own group', async () => {
    const payees = [1, 2, 3].map((each) => payee(each));
    const contract = asset === 'ETH' ? null : world.usdx;
    const before = await Promise.all(payees.map((address) => world.units(address, contract)));
    const ids = await world.waiting(
      amounts.map((amount, at) => ({ asset, amount, destination: payees[at] ?? '' })),
    );
    const [batch = '', ...others] = await world.open();
    expect(others).toEqual([]);
    expect(await world.states([batch, ...ids])).toEqual(Array(4).fill('signing'));
    expect((await world.sign(batch)).withdrawal).toMatchObject({ state: 'signed' });
    expect((await world.send(batch)).withdrawal).toMatchObject({ state: 'broadcast' });
    expect(await world.states(ids)).toEqual(Array(3).fill('broadcast'));
    const inBlock = await world.look(batch);
    expect(inBlock.withdrawal).toMatchObject({ state: 'in_block', confirmations: 1 });
    for (const id of ids) {
      expect((await world.group(id)).withdrawal).toMatchObject({
        state: 'in_block',
        confirmations: 1,
        attempts: inBlock.withdrawal?.attempts,
      });
    }
    await world.node.mine(2);
    const settled = await world.look(batch);
    expect(settled).toMatchObject({ status: 'SETTLED', withdrawal: { state: 'settled' } });
    for (const [at, id] of ids.entries()) {
      const member = await world.group(id);
      expect(member).toMatchObject({ status: 'SETTLED', withdrawal: { state: 'settled' } });
      expect(member.legs.map(({ settled: part, remaining }) => [part, remaining])).toEqual([
        [amounts[at], '0'],
        [amounts[at], '0'],
      ]);
    }
    // The fee is the platform's, and stands in the batch's group alone.
    expect(settled.legs.map(({ wallet, type }) => [wallet, type])).toEqual([
      ['network-fees:ETH', 'DEBIT'],
      ['external:ETH', 'CREDIT'],
    ]);
    const after = await Promise.all(payees.map((address) => world.units(address, contract)));
    expect(after.map((now, at) => now - (before[at] ?? 0n))).toEqual(units);
    expect(await world.events(ids[0] ?? '')).toEqual([
      'withdraw',
      'withdrawal.signing',
      'withdrawal.signed',
      'withdrawal.broadcast',
      'withdrawal.in_block',
      'confirmed',
      'settle',
    ]);
    await world.expectWhole();
  });
});

it('believes no node that leaves out what the payout contract said', async () => {
  await world.waiting([5, 6].map((each) => ({ amount: '0.1', destination: payee(each) })));
  const [batch = ''] = await world.open();
  await world.sign(batch);
  await world.send(batch);
  const proxy = await startProxy({ upstreams: [world.rpcUrl] });
  const port = await connectEvm(proxy.url);
  const watch: Watch = {
    contracts: [],
    native: true,
    ours: async () => new Set(),
    sent: async (txids) => new Set(txids),
  };
  const block = await port.head();
  const { outcomes } = await port.eventsOf(block, watch);
  expect(outcomes.map(({ payouts }) => payouts)).toEqual([
    [5, 6].map((each) => ({ destination: payee(each), units: 10n ** 17n })),
  ]);
  proxy.add({ kind: 'partial', methods: ['eth_getLogs'], keep: 0 });
  await expect(port.eventsOf(block, watch)).rejects.toThrow(
    /0 logs by hash, but 2 in its receipts/,
  );
  await proxy.stop();
  await world.node.mine(2);
  expect((await world.look(batch)).status).toBe('SETTLED');
});

it('goes alone at once in native coins to a new address, since that takes less gas', async () => {
  const sign = async (asset: string, destination: string) => {
    const { id } = await world.withdraw(asset, '0.1', { destination });
    const { group } = await signWithdrawal(world.together, id);
    return { id, state: group.withdrawal?.state };
  };
  const fresh = payee(7);
  const alone = await sign('ETH', fresh);
  expect(alone.state).toBe('signed');
  expect(await world.value('select count(*)::integer from batch_waits')).toBe(0);
  // A token, and who has coins, by now or before, are paid with others.
  const waiting = [await sign('USDX', payee(8)), await sign('ETH', STRANGER.address)];
  await world.send(alone.id);
  waiting.push(await sign('ETH', fresh));
  expect(waiting.map(({ state }) => state)).toEqual(['held', 'held', 'held']);
  for (const { id } of waiting) {
    await world.sign(id);
    await world.send(id);
  }
  await world.node.mine(3);
  for (const { id } of [alone, ...waiting]) expect((await world.look(id)).status).toBe('SETTLED');
});

it('goes alone where nobody comes, once it has waited', async () => {
  const [id = ''] = await world.waiting([{ amount: '0.1', destination: payee(4) }]);
  expect(await world.open()).toEqual([]);
  const batches = { contract: PAYOUT, waitSeconds: 0, size: 50 };
  const alone = await signWithdrawal({ ...world.deps, batches }, id);
  expect(alone.group.withdrawal).toMatchObject({ state: 'signed' });
  await world.send(id);
  await world.node.mine(3);
  expect((await world.look(id)).status).toBe('SETTLED');
  await world.expectWhole();
});

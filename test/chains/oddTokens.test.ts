/** Withdrawals of tokens that do not do what they say: believed is the event, and nothing else. */
import { encodeDeployData, encodeFunctionData, parseAbi } from 'viem';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { compileContract } from '../../src/dev/chain/compile.ts';
import { deploy } from '../../src/dev/chain/token.ts';
import { createAsset, patchAsset, readAsset } from '../../src/ledger/assets.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { readTimeline } from '../../src/ledger/timeline.ts';
import { HOT } from './chainWorld.ts';
import { STRANGER } from './node.ts';
import { createPayWorld, type PayWorld } from './payWorld.ts';

const ABI = parseAbi(['constructor(address holder, uint256 units)', 'function behave(uint8 to)']);
const WAYS = { sound: 0, returnsFalse: 1, returnsNothing: 2, takesFee: 3, takesFeeOnTop: 4 };

let world: PayWorld;
let token: string;

beforeAll(async () => {
  world = await createPayWorld();
  const source = new URL('./contracts/OddToken.sol', import.meta.url);
  const { bytecode } = compileContract(source, 'OddToken');
  const args = [HOT as `0x${string}`, 1_000_000n] as const;
  const data = encodeDeployData({ abi: ABI, bytecode, args });
  token = await deploy(world.rpcUrl, STRANGER, data);
  const chain = world.port.chain;
  await createAsset(world.db, { code: 'ODD', scale: 2, chain, contract: token, confirmations: 3 });
  const booked = await openTransfer(world.db, {
    groupId: 'transfer:test:odd',
    stepKey: 'create:test:odd',
    actor: { name: 'test', admin: true },
    client: 'test',
    legs: [
      { wallet: 'external:ODD', type: 'DEBIT', amount: '10000' },
      { wallet: 'treasury:ODD', type: 'CREDIT', amount: '10000' },
    ],
    settle: 'immediate',
    expiresIn: null,
    reference: null,
    metadata: {},
    acceptBy: null,
  });
  expect(booked.outcome).toBe('done');
});

beforeEach(async () => {
  await patchAsset(world.db, 'ODD', { withdrawalsPaused: false });
});

/** A withdrawal of 100 ODD, followed to its end, with the token behaving so at its inclusion. */
async function pay(way: keyof typeof WAYS) {
  const { id, wallet } = await world.withdraw('ODD', '100');
  const data = encodeFunctionData({ abi: ABI, functionName: 'behave', args: [WAYS[way]] });
  await world.node.send({ to: token, data });
  await world.sign(id);
  await world.send(id);
  const seen = await world.look(id);
  await world.node.mine(3);
  const ended = await world.look(id);
  const paused = (await readAsset(world.db, 'ODD'))?.withdrawalsPaused;
  const lines = await reconcileChain(world.db, world.port);
  const drift = lines.find(({ asset }) => asset === 'ODD')?.drift;
  return { id, wallet, seen, ended, paused, drift };
}

describe('a token that', () => {
  it('returns nothing, as old ones do, is paid by its event', async () => {
    const { ended, paused, drift } = await pay('returnsNothing');
    expect(ended.status).toBe('SETTLED');
    expect([paused, drift]).toEqual([false, '0']);
  });

  it('returns false and moves nothing has not paid: given back, and the asset pauses', async () => {
    const { id, wallet, seen, ended, paused, drift } = await pay('returnsFalse');
    expect(seen.withdrawal?.state).toBe('reverted');
    expect(ended).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
    expect(await world.balance(wallet)).toMatchObject({ available: '100', held: '0' });
    expect([paused, drift]).toEqual([true, '0']);
    const events = (await readTimeline(world.db, id)).map(({ event }) => event);
    expect(events).toContain('withdrawal.asset_paused');
    // The gas is gone all the same.
    expect(ended.legs.filter(({ settled }) => settled !== '0').map((leg) => leg.wallet)).toEqual([
      'network-fees:ETH',
      'external:ETH',
    ]);
  });

  it('keeps a fee has not paid the amount: given back, and the loss is booked', async () => {
    const { wallet, ended, paused, drift } = await pay('takesFee');
    expect(ended).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
    expect(await world.balance(wallet)).toMatchObject({ available: '100', held: '0' });
    expect(await world.balance('shortfall:ODD')).toMatchObject({ settled: '-100' });
    expect([paused, drift]).toEqual([true, '0']);
  });

  it('takes a fee on top has paid: settled, the loss is booked, the asset pauses', async () => {
    const { ended, paused, drift } = await pay('takesFeeOnTop');
    expect(ended.status).toBe('SETTLED');
    expect(await world.balance('shortfall:ODD')).toMatchObject({ settled: '-101' });
    expect([paused, drift]).toEqual([true, '0']);
  });
});

/** Collections of tokens that do not do what they say: the books follow what arrived. */
import { encodeDeployData, encodeFunctionData, parseAbi } from 'viem';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { compileContract } from '../../src/dev/chain/compile.ts';
import { deploy } from '../../src/dev/chain/token.ts';
import { createAsset, patchAsset, readAsset } from '../../src/ledger/assets.ts';
import { HOT } from './chainWorld.ts';
import { type CollectWorld, createCollectWorld } from './collectWorld.ts';
import { STRANGER } from './node.ts';

const ABI = parseAbi(['constructor(address holder, uint256 units)', 'function behave(uint8 to)']);
const WAYS = { sound: 0, returnsFalse: 1, takesFee: 3, takesFeeOnTop: 4 };

let world: CollectWorld;
let token: string;

beforeAll(async () => {
  world = await createCollectWorld();
  const source = new URL('./contracts/OddToken.sol', import.meta.url);
  const { bytecode } = compileContract(source, 'OddToken');
  const args = [STRANGER.address, 1_000_000n] as const;
  const data = encodeDeployData({ abi: ABI, bytecode, args });
  token = await deploy(world.rpcUrl, STRANGER, data);
  const { chain } = world.port;
  await createAsset(world.db, { code: 'ODD', scale: 2, chain, contract: token, confirmations: 3 });
  await world.rule('ODD', { min: '10' });
});

beforeEach(async () => {
  await patchAsset(world.db, 'ODD', { withdrawalsPaused: false });
});

/** 100 ODD on an address with gas, and the token behaving so from then on. */
async function arrived(wallet: string, way: keyof typeof WAYS): Promise<string> {
  const address = await world.deposited(wallet, 'ODD', 10_000n);
  const [topUp = ''] = await world.collect();
  await world.pay(topUp);
  const data = encodeFunctionData({ abi: ABI, functionName: 'behave', args: [WAYS[way]] });
  await world.node.send({ to: token, data });
  return address;
}

const behaveAgain = () =>
  world.node.send({
    to: token,
    data: encodeFunctionData({ abi: ABI, functionName: 'behave', args: [WAYS.sound] }),
  });

it('one that keeps a fee: what arrived is the hot wallet’s, what is lost is booked', async () => {
  const address = await arrived('fee', 'takesFee');
  const [id = ''] = await world.collect();
  expect(await world.pay(id)).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
  expect(await world.balance('fee')).toMatchObject({ available: '100' });
  expect(await world.balance('shortfall:ODD')).toMatchObject({ settled: '-1' });
  expect((await readAsset(world.db, 'ODD'))?.withdrawalsPaused).toBe(true);
  const booked = 'select amount_text(chain_booked_at($1, $2, $3))';
  expect(await world.value(booked, world.port.chain, HOT, 'ODD')).toBe('99');
  expect(await world.value(booked, world.port.chain, address, 'ODD')).toBe('0');
  await world.expectWhole();
  await behaveAgain();
});

it('one that returns false: nothing moved, and the asset pauses until people looked', async () => {
  const address = await arrived('false', 'returnsFalse');
  const [id = ''] = await world.collect();
  expect(await world.pay(id)).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
  expect(await world.collect()).toEqual([]);
  expect(await world.coins(address, token)).toBe(10_000n);
  await world.expectWhole();
  await behaveAgain();
  await patchAsset(world.db, 'ODD', { withdrawalsPaused: false });
  for (const group of await world.collectAll()) expect(group.status).toBe('SETTLED');
  expect(await world.coins(address, token)).toBe(0n);
  await world.expectWhole();
});

it('one that would revert is not begun', async () => {
  await arrived('onTop', 'takesFeeOnTop');
  expect(await world.collect()).toEqual([]);
  await world.expectWhole();
});

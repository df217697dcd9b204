/** What a fresh local chain is given, once. */
import { beforeAll, expect, it } from 'vitest';
import { seedLocalChain } from '../../src/dev/chain/seedLocalChain.ts';
import { readAsset } from '../../src/ledger/assets.ts';
import { OtherGenesis } from '../../src/watchers/follow.ts';
import { anotherChain, type ChainWorld, createChainWorld, HOT, log } from './chainWorld.ts';
import { MNEMONIC } from './node.ts';

let world: ChainWorld;
const seed = (url: string) =>
  seedLocalChain({ rpcUrl: url, db: world.db, config: { mnemonic: MNEMONIC }, log });

beforeAll(async () => {
  world = await createChainWorld();
});

it('has ETH and USDX, credited after 3 blocks, final when the chain says so', async () => {
  const eth = { scale: 18, chain: 'eip155:31337', contract: null, confirmations: 3 };
  expect(await readAsset(world.db, 'ETH')).toMatchObject({ ...eth, final: 'finalized' });
  expect(await readAsset(world.db, 'USDX')).toMatchObject({ scale: 6, confirmations: 3 });
});

it("books what the hot wallet has as the platform's own", async () => {
  const { height } = await world.port.head();
  expect(await world.port.balanceOf(HOT, null, height)).toBe(10_000n * 10n ** 18n);
  expect(await world.balance('treasury:ETH')).toMatchObject({ settled: '10000' });
  expect(await world.balance('external:ETH')).toMatchObject({ settled: '-10000' });
  expect(await world.balance('treasury:USDX')).toMatchObject({ settled: '1000000000' });
});

it('gives some USDX to the other accounts that anvil has unlocked', async () => {
  const { height } = await world.port.head();
  const accounts = await world.node.rpc<string[]>('eth_accounts');
  expect(accounts).toHaveLength(10);
  for (const account of accounts.filter((each) => each.toLowerCase() !== HOT)) {
    expect(await world.port.balanceOf(account, world.usdx, height)).toBe(1_000_000n * 10n ** 6n);
  }
});

it('is seeded once, however often it is started', async () => {
  const contract = (await readAsset(world.db, 'USDX'))?.contract;
  const entries = () => world.value<number>('select count(*)::integer from ledger_entries');
  const before = await entries();
  await seed(world.rpcUrl);
  await seed(world.rpcUrl);
  expect((await readAsset(world.db, 'USDX'))?.contract).toBe(contract);
  expect(await entries()).toBe(before);
});

it('is refused in clear words when the database belongs to another one', async () => {
  await world.follow();
  const other = await anotherChain(world.port);
  await expect(seed(other)).rejects.toThrow(OtherGenesis);
  await expect(seed(other)).rejects.toThrow(/another chain.*another database/s);
});

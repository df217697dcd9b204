/** `holdfast reconcile` as a person types it. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it, vi } from 'vitest';
import { readAsset } from '../../src/ledger/assets.ts';
import { type ChainWorld, createChainWorld, HOT } from '../chains/chainWorld.ts';

/** Each call starts a process, and a busy machine takes seconds for one. */
vi.setConfig({ testTimeout: 120_000 });

const HOLDFAST = fileURLToPath(new URL('../../src/cli/holdfast.ts', import.meta.url));
const ETH = 10n ** 18n;

let world: ChainWorld;
let env: NodeJS.ProcessEnv;

const reconcile = (args: string[] = [], more: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, [HOLDFAST, 'reconcile', ...args], {
    env: { ...process.env, ...env, ...more },
    encoding: 'utf8',
  });

beforeAll(async () => {
  world = await createChainWorld();
  env = { DATABASE_URL: world.database.url, CHAIN_RPC_URL: world.rpcUrl };
});

it('says that there is nothing to compare before the first block', () => {
  const { status, stdout } = reconcile();
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^No block was followed yet/)]);
});

it('names each term in words, and ends with 0 while all agrees', async () => {
  await world.follow();
  const address = await world.wallet('waits', 'ETH');
  await world.node.send({ to: address, wei: 3n * ETH });
  await world.node.mine(3);
  await world.follow();
  const { status, stdout } = reconcile();
  expect(stdout).toMatch(/^eip155:31337 at block \d+ \(0x/);
  expect(stdout).toMatch(/\nETH: agrees\n/);
  expect(stdout).toMatch(/in the books .* 10000\n/);
  expect(stdout).toMatch(/deposits there, not credited yet +3\n/);
  expect(stdout).toMatch(/is there +10003\n/);
  expect(stdout).not.toMatch(/network fees/);
  expect(stdout).toMatch(/The books balance/);
  expect(status).toBe(0);
});

it('only looks with --look; else it pauses, says what to do, and ends with 1', async () => {
  const now = BigInt(await world.node.rpc<string>('eth_getBalance', HOT, 'latest'));
  await world.node.rpc('anvil_setBalance', HOT, `0x${(now - ETH).toString(16)}`);
  await world.node.mine(3);
  await world.follow();
  const looked = reconcile(['--look', '--json']);
  expect(looked.status).toBe(1);
  const found = JSON.parse(looked.stdout);
  expect(found).toMatchObject({ balanced: false, books: { balanced: true }, paused: [] });
  expect(found.chain[0]).toMatchObject({ asset: 'ETH', missing: '1', drift: '-1' });
  expect(await readAsset(world.db, 'ETH')).toMatchObject({ withdrawalsPaused: false });

  const told = reconcile();
  expect(told.status).toBe(1);
  expect(told.stdout).toMatch(/\nETH: 1 missing, 0 too many\n/);
  expect(told.stdout).toMatch(/! 0xf39f\w+ \(hot\) -1: missing_coins\n.*Compare the node/);
  expect(told.stdout).toMatch(/were paused by this run/);
  expect(told.stderr).toMatch(/RECONCILIATION_DRIFT/);
  expect(await readAsset(world.db, 'ETH')).toMatchObject({ withdrawalsPaused: true });
  expect(reconcile().stdout).toMatch(/paused by holdfast reconcile: .* 1 missing/);
});

it('sets what an asset may be off by', () => {
  const set = reconcile(['--tolerate', 'ETH', '--missing', '1', '--surplus', '0.5']);
  expect(set.stdout).toBe('ETH: 1 may be missing, 0.5 may be too many.\n');
  const { chain, above } = JSON.parse(reconcile(['--json']).stdout);
  expect([chain[0].tolerance, above]).toEqual([{ missing: '1', surplus: '0.5' }, []]);
});

it.each([
  [['--what'], /--what/],
  [['--tolerate', 'ETH', '--missing', '1e3'], /1e3: An amount/],
  [['--tolerate', 'NONE', '--missing', '1'], /no asset NONE/],
])('refuses %j in words, with 2', (args, words) => {
  const { status, stderr } = reconcile(args);
  expect([status, stderr]).toEqual([2, expect.stringMatching(words)]);
});

it('ends with 2 where the chain does not answer', () => {
  const { status, stderr } = reconcile([], { CHAIN_RPC_URL: 'http://127.0.0.1:1' });
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^It could not be compared: /)]);
});

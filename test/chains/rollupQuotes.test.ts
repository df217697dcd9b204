/**
 * What a rollup will charge for publishing: by a node that charges it. anvil takes it by the prices
 * in `L1Block`, as the OP Stack does, but has no contract that foretells it: a constant above it
 * stands in its place.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEther } from 'viem';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import { type Anvil, startAnvil } from '../../src/dev/stack/anvil.ts';
import { HOT } from './chainWorld.ts';
import { type CollectWorld, createCollectWorld, ETH } from './collectWorld.ts';
import { MNEMONIC } from './node.ts';

const ORACLE = '0x420000000000000000000000000000000000000F';
const L1_BLOCK = '0x4200000000000000000000000000000000000015';
/**
 * In `L1Block` from Ecotone on: base fee in wei, two scalars in one word, blob base fee in wei. So
 * high that publishing costs more than is set aside for gas.
 */
const L1_PRICES = [
  [1, 300_000_000_000_000n],
  [3, (5_227n << 96n) | (1_014_213n << 64n)],
  [7, 1_000_000_000n],
] as const;
/** Some three times what the node takes of a plain transfer, in wei. */
const TOLD = ETH / 100n;

const logs = mkdtempSync(join(tmpdir(), 'holdfast-rollup-'));
let anvil: Anvil;
let world: CollectWorld;

beforeAll(async () => {
  anvil = await startAnvil({
    stateFile: null,
    logFile: join(logs, 'anvil.log'),
    mnemonic: MNEMONIC,
    blockTimeSeconds: null,
    network: 'optimism',
  });
  world = await createCollectWorld({ rpcUrl: anvil.rpcUrl });
  for (const [slot, value] of L1_PRICES) {
    await world.node.rpc('anvil_setStorageAt', L1_BLOCK, wordOf(BigInt(slot)), wordOf(value));
  }
  await foretell(answering(TOLD));
});

afterAll(async () => {
  await anvil.stop();
  rmSync(logs, { recursive: true, force: true });
});

const wordOf = (value: bigint) => `0x${value.toString(16).padStart(64, '0')}`;

/** Code that answers a number to whatever it is asked: PUSH32, MSTORE at 0, RETURN of 32 bytes. */
const answering = (value: bigint) => `0x7f${wordOf(value).slice(2)}60005260206000f3`;

const foretell = (code: string) => world.node.rpc('anvil_setCode', ORACLE, code);

const nothing = { sender: HOT, destination: HOT, contract: null, units: 0n };

async function quote() {
  const told = await (await connectEvm(anvil.rpcUrl)).feeQuote(nothing);
  if ('fault' in told) throw new Error(told.fault);
  const { gas = '', maxFeePerGas = '', maxL1Fee } = told.terms;
  return { beside: told.maxFeeUnits - BigInt(gas) * BigInt(maxFeePerGas), maxL1Fee };
}

it('is in a quote twice, since it may rise until the payment is in a block', async () => {
  expect(await quote()).toEqual({ beside: 2n * TOLD, maxL1Fee: String(2n * TOLD) });
});

it.each([
  ['there is no contract at its place', '0x'],
  ['that contract knows no such question', '0x60006000fd'],
  ['that contract answers no number', '0x60006000f3'],
])('is nothing where %s', async (_case, code) => {
  await foretell(code);
  expect(await quote()).toEqual({ beside: 0n, maxL1Fee: undefined });
  await foretell(answering(TOLD));
});

it('counts with the cap of a replacement', async () => {
  const port = await connectEvm(anvil.rpcUrl);
  const terms = { gas: '21000', maxFeePerGas: '100', maxPriorityFeePerGas: '1' };
  const at = (cap: bigint) => port.replacementQuote(nothing, terms, true, cap);
  const least = { gas: 21_000n * 113n, beside: 2n * TOLD };
  expect(await at(least.beside - 1n)).toEqual({
    fault:
      `publishing it takes up to ${least.beside} wei, ` +
      `and at most ${least.beside - 1n} is allowed`,
  });
  expect(await at(least.beside + least.gas - 1n)).toHaveProperty('fault');
  expect(await at(least.beside + least.gas)).toMatchObject({
    maxFeeUnits: least.beside + least.gas,
    terms: { maxFeePerGas: '113', maxL1Fee: String(least.beside) },
  });
});

it('is left on an address that is collected from, else the node takes no payment', async () => {
  const address = await world.deposited('collected', 'ETH', ETH);
  await world.rule('ETH', { min: '0.5', maxFee: '0.1' });
  const before = await world.coins(HOT);
  const [id = ''] = await world.collect();
  expect(await world.pay(id)).toMatchObject({ kind: 'collection', status: 'SETTLED' });
  const [gained, left] = [(await world.coins(HOT)) - before, await world.coins(address)];
  expect(gained).toBeGreaterThan((9n * ETH) / 10n);
  // The node did charge for more than the gas.
  const { rows } = await world.db.query<{ paid: string }>(
    `select sum(amount)::text as paid from ledger_entries
      where group_id = $1 and wallet_id = 'external:ETH' and status = 'SETTLED'`,
    [id],
  );
  expect(ETH - gained - left).toBeGreaterThan(parseEther(rows[0]?.paid ?? ''));
});

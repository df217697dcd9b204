import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Anvil, startAnvil } from '../../src/dev/stack/anvil.ts';

const MNEMONIC = 'test test test test test test test test test test test junk';

/** Block times are whole seconds; anvil's own first blocks differ from one second to the next. */
const SECOND_MS = 1_000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-anvil-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function start(): Promise<Anvil> {
  return startAnvil({
    stateFile: join(dir, 'state.json'),
    logFile: join(dir, 'anvil.log'),
    mnemonic: MNEMONIC,
    blockTimeSeconds: null,
  });
}

interface Block {
  hash: string;
  number: string;
  timestamp: string;
}

async function call<T>(anvil: Anvil, method: string, ...params: unknown[]): Promise<T> {
  const response = await fetch(anvil.rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  return ((await response.json()) as { result: T }).result;
}

const block = (anvil: Anvil, number: string) =>
  call<Block>(anvil, 'eth_getBlockByNumber', number, false);

test('the local chain is the same over restarts, and its time goes forward', async () => {
  // A chain that began an hour ago: within one second any two first blocks are the same.
  const began = Math.floor(Date.now() / 1000) - 3600;
  writeFileSync(join(dir, 'state.json.genesis'), String(began));
  const firstBlocks: number[] = [];
  const heights: number[] = [];
  const times: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const anvil = await start();
    await call(anvil, 'evm_mine');
    firstBlocks.push(Number((await block(anvil, '0x0')).timestamp));
    const latest = await block(anvil, 'latest');
    heights.push(Number(latest.number));
    times.push(Number(latest.timestamp));
    await anvil.stop();
  }
  expect(firstBlocks).toEqual([began, began, began]);
  expect(heights).toEqual([1, 2, 3]);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)).toBeGreaterThan(Date.now() / 1000 - 60);
});

test('a local chain whose state a full disk cut off says how to begin anew', async () => {
  const anvil = await start();
  await anvil.stop();
  const state = readFileSync(join(dir, 'state.json'), 'utf8');
  writeFileSync(join(dir, 'state.json'), state.slice(0, state.length / 2));
  await expect(start()).rejects.toThrow(
    /was cut off .* Remove the data directory to begin anew\.$/,
  );
});

test('a local chain that lost its state begins with the same block', async () => {
  writeFileSync(join(dir, 'state.json.genesis'), String(Math.floor(Date.now() / 1000) - 3600));
  const before = await start();
  const { hash } = await block(before, '0x0');
  await before.stop();
  rmSync(join(dir, 'state.json'));
  await sleep(SECOND_MS);
  const after = await start();
  expect((await block(after, '0x0')).hash).toBe(hash);
  await after.stop();
});

test("somebody else's chain is not written over, and named", async () => {
  const anvil = await start();
  await call(anvil, 'evm_mine');
  await anvil.stop();
  rmSync(join(dir, 'state.json.genesis'));
  const before = readFileSync(join(dir, 'state.json'), 'utf8');
  const next = start().then((started) => started.stop());
  await expect(next).rejects.toThrow(`${join(dir, 'state.json')} is somebody else's chain`);
  expect(readFileSync(join(dir, 'state.json'), 'utf8')).toBe(before);
});

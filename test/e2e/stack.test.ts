import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call, type Dev, newDataDir, npmRunDev, type Ready, readyLine } from './devProcess.ts';
import { processesWith, until } from './processes.ts';

async function blockNumber(ready: Ready): Promise<number> {
  const response = await fetch(ready.rpc ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_blockNumber', params: [] }),
  });
  const { result } = (await response.json()) as { result: string };
  return Number(result);
}

const LEGS = [
  { wallet: 'external:GOLD', type: 'DEBIT', amount: '5' },
  { wallet: 'ann', type: 'CREDIT', amount: '5' },
];

describe('npm run dev', () => {
  const dir = newDataDir();
  let first: Dev;
  let ready: Ready;

  beforeAll(async () => {
    first = npmRunDev(dir);
    ready = await readyLine(first);
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('takes calls at the address of its ready line, with the key of it', async () => {
    const asset = await call(ready, 'POST', '/v1/assets', { code: 'GOLD', scale: 2 });
    expect(asset.status).toBe(201);
    const wallet = await call(ready, 'POST', '/v1/wallets', {
      id: 'ann',
      owner: 'ann',
      asset: 'GOLD',
    });
    expect(wallet.status).toBe(201);
    const held = await call(
      ready,
      'POST',
      '/v1/transfers',
      { legs: LEGS, settle: 'manual' },
      'before',
    );
    expect(held.body).toMatchObject({ status: 'IN_PROGRESS' });
    expect((await fetch(ready.temporalUi)).status).toBe(200);
  });

  test('refuses a second start on the same data directory', async () => {
    const second = npmRunDev(dir);
    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(
      new RegExp(`The data directory ${dir} is in use by process \\d+ \\(another npm run dev\\)`),
    );
    expect((await call(ready, 'GET', '/health/ready')).status).toBe(200);
  });

  test('tells a busy port by its variable, and starts nothing', async () => {
    const other = newDataDir();
    const { port } = new URL(ready.api);
    const second = npmRunDev(other, { PORT: port });
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(
      `Port ${port} on 127.0.0.1 is already in use. Set PORT to another port, or to 0 for any`,
    );
    expect(existsSync(join(other, 'postgres'))).toBe(false);
    rmSync(other, { recursive: true });
  });

  test('leaves nothing running when npm alone is killed, and goes on where it was', async () => {
    const height = await blockNumber(ready);
    first.npm.kill('SIGKILL');
    await until('all processes are gone', () => processesWith(dir).length === 0);

    const again = npmRunDev(dir);
    const back = await readyLine(again);
    expect(back.adminKey).toBe(ready.adminKey);
    expect(await blockNumber(back)).toBeGreaterThanOrEqual(height);
    const id = encodeURIComponent('transfer:admin:before');
    const settled = await call(back, 'POST', `/v1/transfers/${id}/settle`, {}, 'after');
    expect(settled.body).toMatchObject({ status: 'SETTLED' });
    const { body: wallet } = await call(back, 'GET', '/v1/wallets/ann');
    expect(wallet.balance).toMatchObject({ available: '5' });

    again.npm.kill('SIGTERM');
    await again.ended;
    await until('all processes are gone', () => processesWith(dir).length === 0);
    expect(again.output()).toContain('Stopping …');
    expect(existsSync(join(dir, 'lock'))).toBe(false);
  });
});

test('npm run dev that is stopped while it starts leaves nothing running', async () => {
  const dir = newDataDir();
  const dev = npmRunDev(dir, { CHAIN_RPC_URL: 'off' });
  await until('Postgres starts', () => existsSync(join(dir, 'logs', 'postgres.log')));
  dev.npm.kill('SIGTERM');
  await dev.ended;
  await until('all processes are gone', () => processesWith(dir).length === 0);
  rmSync(dir, { recursive: true });
});

test('npm run dev with CHAIN_RPC_URL=off has no chain', async () => {
  const dir = newDataDir();
  const dev = npmRunDev(dir, { CHAIN_RPC_URL: 'off' });
  const ready = await readyLine(dev);
  expect(ready.rpc).toBeNull();
  expect(dev.output()).toContain('Starting Postgres, Temporal (data in');
  expect(processesWith(dir).filter((line) => line.includes('anvil'))).toEqual([]);
  dev.npm.kill('SIGTERM');
  await dev.ended;
  await until('all processes are gone', () => processesWith(dir).length === 0);
  rmSync(dir, { recursive: true });
});

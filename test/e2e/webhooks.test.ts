/** A service that is killed while it tells what happened: the next one tells it again. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { CLONE } from '../../src/dev/stack/places.ts';
import { freePort } from '../../src/dev/stack/ports.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { readEndpoints } from '../../src/webhooks/deliveryTables.ts';
import { walletWith } from '../ledger/ledgerWorld.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';
import { type Listener, SECRET, startListener } from '../webhooks/listener.ts';
import { BARE_ENV, until } from './processes.ts';

const ADMIN_KEY = 'the-administrators-key-of-the-test';
const START_TIMEOUT_MS = 60_000;

let shop: Listener;
let env: NodeJS.ProcessEnv;
let url: string;
let service: ChildProcess;
let wallets: [string, string];
let db: Pool;

beforeAll(async () => {
  const database = await createTestDatabase();
  db = database.pool;
  await createAsset(database.pool, { code: 'USD', scale: 2 });
  wallets = [await walletWith(database.pool, '100'), await walletWith(database.pool, '0')];
  shop = await startListener();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  env = {
    ...BARE_ENV,
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: await temporalAddress(),
    TEMPORAL_NAMESPACE: await temporalNamespace(),
    HOLDFAST_ADMIN_KEY: ADMIN_KEY,
    PORT: String(port),
    WEBHOOKS: JSON.stringify({ shop: { url: shop.url, secrets: [SECRET], timeoutMs: 2_000 } }),
  };
});

afterAll(() => {
  service?.kill('SIGKILL');
});

async function start(): Promise<ChildProcess> {
  service = spawn(process.execPath, ['src/main.ts'], { cwd: CLONE, env, stdio: 'ignore' });
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
  await until('the service is ready', isReady, START_TIMEOUT_MS);
  return service;
}

async function transfer(key: string): Promise<string> {
  const [from, to] = wallets;
  const answer = await fetch(`${url}/v1/transfers`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify({
      legs: [
        { wallet: from, type: 'DEBIT', amount: '1' },
        { wallet: to, type: 'CREDIT', amount: '1' },
      ],
    }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { id: string }).id;
}

/** Beside this process, which takes what the service tells and closes what it has closed. */
const command = (...args: string[]) =>
  new Promise<{ status: unknown; stdout: string; stderr: string }>((resolve) => {
    const words = ['src/cli/holdfast.ts', 'webhooks', ...args];
    execFile(process.execPath, words, { cwd: CLONE, env }, (error, stdout, stderr) =>
      resolve({ status: error ? error.code : 0, stdout, stderr }),
    );
  });

it('tells what a request moved, and what a killed one had not told', async () => {
  await start();
  const first = await transfer('a');
  const [told] = await shop.until(1);
  expect(told?.message).toMatchObject({ type: 'group.settled', data: { groupId: first } });

  shop.answer = () => 'silence';
  const second = await transfer('b');
  const isSecond = ({ message }: (typeof shop.heard)[number]) => message.data.groupId === second;
  await shop.until(1, isSecond);
  service.kill('SIGKILL');
  expect((await command()).stdout).toMatch(/^shop: 1 waiting, the oldest for \d+ s/);

  shop.answer = () => 200;
  await start();
  const [before, again] = await shop.until(2, isSecond);
  expect(again?.body).toBe(before?.body);
  expect(again?.id).toBe(before?.id);
  await until('it was taken', async () => (await readEndpoints(db))[0]?.waiting === 0);
  expect((await command()).stdout).toBe('shop: has taken everything\n');
  expect(JSON.parse((await command('--json')).stdout)).toMatchObject([
    { name: 'shop', waiting: 0 },
  ]);

  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/holdfast_webhook_tries_total\{endpoint="shop",result="delivered"\} 1\n/);
  expect(metrics).toMatch(/holdfast_webhooks_waiting\{endpoint="shop"\} 0\n/);
}, 120_000);

it('keeps the checkpoints of system wallets meanwhile', async () => {
  const isFolded = async () => {
    const { rows } = await db.query(
      "select version > 0 as folded from wallet_balances where wallet_id = 'external:USD'",
    );
    return rows[0]?.folded === true;
  };
  await until('what came from outside is folded', isFolded, START_TIMEOUT_MS);
}, 120_000);

it('forgets an endpoint when it is told to', async () => {
  expect(await command('--remove', 'bank')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^There is no endpoint bank\./),
  });
  const removed = await command('--remove', 'shop');
  expect(removed).toMatchObject({ status: 0, stdout: 'shop is forgotten.\n' });
  expect((await command()).stdout).toMatch(/^No worker was told of an endpoint yet/);
});

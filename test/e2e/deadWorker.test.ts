/** A service whose worker cannot go on ends, so that whoever watches it starts another. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { CLONE } from '../../src/dev/stack/places.ts';
import { freePort } from '../../src/dev/stack/ports.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { walletWith } from '../ledger/ledgerWorld.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';
import { BARE_ENV, until } from './processes.ts';

const ADMIN_KEY = 'the-administrators-key-of-the-test';
const START_TIMEOUT_MS = 60_000;
const PRELOAD = new URL('killSagaThread.ts', import.meta.url).href;

it('ends with an error when its thread of workflows has died', { timeout: 120_000 }, async () => {
  const database = await createTestDatabase();
  await createAsset(database.pool, { code: 'USD', scale: 2 });
  const from = await walletWith(database.pool, '100');
  const to = await walletWith(database.pool, '0');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    ...BARE_ENV,
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: await temporalAddress(),
    TEMPORAL_NAMESPACE: await temporalNamespace(),
    HOLDFAST_ADMIN_KEY: ADMIN_KEY,
    PORT: String(port),
  };
  const args = ['--import', PRELOAD, 'src/main.ts'];
  const service = spawn(process.execPath, args, { cwd: CLONE, env, stdio: 'ignore' });
  onTestFinished(() => void service.kill('SIGKILL'));
  const exit = once(service, 'exit');
  const isReady = () =>
    fetch(`${url}/health/ready`).then(
      (answer) => answer.ok,
      () => false,
    );
  await until('the service is ready', isReady, START_TIMEOUT_MS);
  const transfer = (key: string) =>
    fetch(`${url}/v1/transfers`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        'content-type': 'application/json',
        'idempotency-key': key,
        prefer: 'wait=1',
      },
      body: JSON.stringify({
        legs: [
          { wallet: from, type: 'DEBIT', amount: '1' },
          { wallet: to, type: 'CREDIT', amount: '1' },
        ],
      }),
    });
  expect((await transfer('before')).status).toBe(201);
  service.kill('SIGUSR2');
  // Its worker notices at the next task; the door may be closed before.
  await transfer('after').catch(() => {});
  let ended: unknown[] = [];
  void exit.then((codes) => {
    ended = codes;
  });
  await until('the service has ended', () => ended.length > 0);
  expect(ended).toEqual([1, null]);
});

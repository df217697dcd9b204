/** `npm run demo` that cannot go on, or is interrupted: a sentence, and nothing left behind. */
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/testDatabase.ts';
import { temporalAddress } from '../support/testServers.ts';
import { until } from './processes.ts';

const DEMO = fileURLToPath(new URL('../../src/dev/demo.ts', import.meta.url));
const PATIENCE_MS = 60_000;
const env = { ...process.env, HOLDFAST_PARENT_PIPE: '', CHAIN_RPC_URL: '', LOG_LEVEL: '' };

test('bad settings are told in a sentence, without a stack trace', { timeout: PATIENCE_MS }, () => {
  const { status, stderr } = spawnSync(process.execPath, [DEMO], {
    env: { ...env, DATABASE_URL: '', CHAIN_POLL_MS: 'soon' },
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^\nThe demo failed\. Config.*\n$/)]);
});

test('Ctrl-C leaves no database on a server of yours', { timeout: 3 * PATIENCE_MS }, async () => {
  const { url, pool } = await createTestDatabase();
  const databases = async () => {
    const like = 'holdfast_demo_%';
    const { rows } = await pool.query('select datname from pg_database where datname like $1', [
      like,
    ]);
    return rows.map(({ datname }) => datname);
  };
  const before = await databases();
  const isMade = async () => (await databases()).length > before.length;
  const demo = spawn(process.execPath, [DEMO], {
    env: { ...env, DATABASE_URL: url, TEMPORAL_ADDRESS: await temporalAddress() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  demo.stdout.on('data', (part) => {
    said += part;
  });
  const ended = new Promise((resolve) => demo.once('close', resolve));
  await until('the demo has its database and starts', () => said !== '', PATIENCE_MS);
  expect(await isMade()).toBe(true);
  demo.kill('SIGINT');
  expect(await ended).toBe(130);
  expect(await databases()).toEqual(before);
});

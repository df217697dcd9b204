/** `npm run dev` as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLONE } from '../../src/dev/stack/places.ts';
import { until } from './processes.ts';

/** What the ready line says. */
export interface Ready {
  api: string;
  temporal: string;
  temporalUi: string;
  rpc: string | null;
  databaseUrl: string;
  adminKey: string;
}

export interface Dev {
  npm: ChildProcess;
  output: () => string;
  ended: Promise<number | null>;
}

const READY_TIMEOUT_MS = 60_000;
/** Servers of whoever runs the tests are none of this file's. */
const LOCAL = { DATABASE_URL: '', TEMPORAL_ADDRESS: '', CHAIN_RPC_URL: '', HOLDFAST_ADMIN_KEY: '' };

/** `npm run dev`; a process of its own, as in a terminal. */
export function npmRunDev(dataDir: string, env: NodeJS.ProcessEnv = {}): Dev {
  const npm = spawn('npm', ['run', 'dev'], {
    cwd: CLONE,
    env: { ...process.env, ...LOCAL, HOLDFAST_DATA_DIR: dataDir, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: string[] = [];
  for (const stream of [npm.stdout, npm.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  }
  const ended = new Promise<number | null>((resolve) => npm.once('close', resolve));
  return { npm, output: () => chunks.join(''), ended };
}

/** Waits for it. */
export async function readyLine(dev: Dev): Promise<Ready> {
  const find = () => /^ready (\{.*\})$/m.exec(dev.output())?.[1];
  const told = until('the ready line', () => find() !== undefined, READY_TIMEOUT_MS);
  await Promise.race([told, dev.ended]);
  const json = find();
  if (json === undefined) throw new Error(`npm run dev ended:\n${dev.output()}`);
  return JSON.parse(json);
}

/** A new folder that the user of the embedded Postgres can enter. */
export function newDataDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-e2e-'));
  chmodSync(dir, 0o711);
  return dir;
}

/** A call of the API with the admin's key. */
export async function call(ready: Ready, method: string, path: string, body?: object, key = '') {
  const response = await fetch(`${ready.api}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ready.adminKey}`,
      ...(body && { 'content-type': 'application/json' }),
      ...(key && { 'idempotency-key': key }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataDir } from '../../src/dev/stack/lock.ts';
import { identityOf, isAlive } from '../../src/dev/stack/processes.ts';

let dir: string;
const said: string[] = [];
const say = (line: string) => said.push(line);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-lock-'));
  said.length = 0;
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A process that sleeps, known to be running. */
async function sleeper(): Promise<{ pid: number; ended: Promise<void> }> {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await new Promise((resolve) => child.once('spawn', resolve));
  return { pid: child.pid!, ended };
}

test('a data directory in use is refused, and the process that has it is named', async () => {
  const { pid, ended } = await sleeper();
  writeFileSync(join(dir, 'lock'), JSON.stringify(identityOf(pid)));
  await expect(lockDataDir(dir, say)).rejects.toThrow(
    `The data directory ${dir} is in use by process ${pid} (another npm run dev).` +
      ' Stop that one, or set HOLDFAST_DATA_DIR to another folder.',
  );
  process.kill(pid);
  await ended;
  const lock = await lockDataDir(dir, say);
  lock.release();
  expect(existsSync(join(dir, 'lock'))).toBe(false);
});

test('a lock whose pid belongs to another process by now is taken over', async () => {
  writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: process.pid, started: 'long ago' }));
  const lock = await lockDataDir(dir, say);
  lock.release();
});

test('a lock file that a crash of the machine left empty is taken over', async () => {
  writeFileSync(join(dir, 'lock'), '');
  const lock = await lockDataDir(dir, say);
  lock.release();
});

test('of two starts that find the same stale lock one gets it', async () => {
  writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: 1, started: 'long ago' }));
  const both = await Promise.allSettled([lockDataDir(dir, say), lockDataDir(dir, say)]);
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('a server that outlived its supervisor is stopped before the next start', async () => {
  const { pid } = await sleeper();
  mkdirSync(join(dir, 'run'));
  const record = {
    name: 'temporal',
    stopSignal: 'SIGTERM',
    supervisor: { pid, started: 'long ago' },
    server: identityOf(pid),
  };
  writeFileSync(join(dir, 'run', 'temporal.json'), JSON.stringify(record));
  const lock = await lockDataDir(dir, say);
  expect(isAlive(record.server)).toBe(false);
  expect(said).toEqual([`Waiting for temporal of the last run (process ${pid}) to stop …`]);
  lock.release();
});

test.each([
  ['a file', () => writeFileSync(join(dir, 'lock'), 'kept by another program\n')],
  ['a folder', () => mkdirSync(join(dir, 'lock'))],
])('%s called lock that is somebody else’s is left where it is, and named', async (_what, lay) => {
  lay();
  await expect(lockDataDir(dir, say)).rejects.toThrow(
    `${join(dir, 'lock')} is no lock of ours. Set HOLDFAST_DATA_DIR to a folder of its own.`,
  );
  expect(readdirSync(dir)).toEqual(expect.arrayContaining(['lock']));
});

test('what a folder called run holds of somebody else is left there', async () => {
  const run = join(dir, 'run');
  mkdirSync(join(run, 'dbus'), { recursive: true });
  writeFileSync(join(run, 'start.sh'), 'exec ./server\n');
  writeFileSync(join(run, 'settings.json'), '{"name": "server"}');
  (await lockDataDir(dir, say)).release();
  expect(readdirSync(run).sort()).toEqual(['dbus', 'settings.json', 'start.sh']);
});

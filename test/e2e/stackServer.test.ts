import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { requireFreePort } from '../../src/dev/stack/ports.ts';
import { isAlive } from '../../src/dev/stack/processes.ts';
import { type ServerOptions, type ServerRecord, startServer } from '../../src/dev/stack/server.ts';
import { until } from './processes.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-server-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function options(script: string, more: Partial<ServerOptions> = {}): ServerOptions {
  return {
    name: 'sample',
    command: '/bin/sh',
    args: ['-c', script],
    stopSignal: 'SIGTERM',
    logFile: join(dir, 'sample.log'),
    recordFile: join(dir, 'sample.json'),
    removeAfter: null,
    isReady: () => readFileSync(join(dir, 'sample.log'), 'utf8').includes('up'),
    ...more,
  };
}

test('a server that ends early is told with the end of its log', async () => {
  const start = startServer(options('echo the disk is full >&2; exit 3'));
  await expect(start).rejects.toThrow(/sample ended with code 3\. Its log .*\nthe disk is full$/);
});

test('a server that ends without a word, as on a full disk, is told what it may be', async () => {
  await expect(startServer(options('exit 3'))).rejects.toThrow(
    /sample ended with code 3\. Its log .* is empty: it said nothing, or the disk is full\.$/,
  );
});

test('a throw-away server that ends early is told with its log all the same', async () => {
  const folder = join(dir, 'throw-away');
  mkdirSync(folder);
  const logFile = join(folder, 'sample.log');
  const start = startServer(
    options('echo no room >&2; exit 3', { logFile, removeAfter: folder, isReady: () => false }),
  );
  await expect(start).rejects.toThrow(/\nno room$/);
  expect(existsSync(folder)).toBe(false);
});

test('a server that is never ready is stopped and told', async () => {
  const start = startServer(options('exec sleep 60', { readyTimeoutMs: 300 }));
  await expect(start).rejects.toThrow('sample was not ready in 0 s.');
  expect(existsSync(join(dir, 'sample.json'))).toBe(false);
});

test('a command that is not there is told by its name', async () => {
  const start = startServer(options('', { command: '/nowhere/server' }));
  await expect(start).rejects.toThrow('cannot start /nowhere/server');
});

test('a server that ignores its stop signal is killed after its grace', async () => {
  const server = await startServer(
    options(`trap '' TERM; echo up; while :; do sleep 0.05; done`, { graceMs: 200 }),
  );
  await server.stop();
  expect(await server.ended).toBe(137);
});

test('a throw-away folder goes with its server, unless it is to be kept', async () => {
  for (const keep of [false, true]) {
    const folder = join(dir, 'throw-away');
    mkdirSync(folder, { recursive: true });
    const server = await startServer(options('echo up; exec sleep 60', { removeAfter: folder }));
    await server.stop({ keep });
    expect(existsSync(folder)).toBe(keep);
  }
});

test('a server stops in good order when its starter is killed', async () => {
  const script = `trap 'echo stopped in order; exit 0' INT; echo up; while :; do sleep 0.05; done`;
  const spec = JSON.stringify({ ...options(script), stopSignal: 'SIGINT', isReady: undefined });
  const module = new URL('../../src/dev/stack/server.ts', import.meta.url).href;
  const code = `
    const { startServer } = await import(${JSON.stringify(module)});
    const { readFileSync } = await import('node:fs');
    const spec = ${spec};
    const isReady = () => readFileSync(spec.logFile, 'utf8').includes('up');
    await startServer({ ...spec, isReady });
    console.log('started');
    setInterval(() => {}, 1000);`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', code]);
  await new Promise((resolve) => starter.stdout.once('data', resolve));
  // The log of the test before can say `up` while this server's record is still being written.
  const recordFile = join(dir, 'sample.json');
  await until('the record is written', () => existsSync(recordFile));
  const record: ServerRecord = JSON.parse(readFileSync(recordFile, 'utf8'));
  expect(isAlive(record.server)).toBe(true);
  starter.kill('SIGKILL');
  await until('the server is gone', () => !isAlive(record.server) && !isAlive(record.supervisor));
  expect(readFileSync(join(dir, 'sample.log'), 'utf8')).toBe('up\nstopped in order\n');
});

test('a busy port is told with the variable that changes it', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  await expect(requireFreePort(port, 'PORT')).rejects.toThrow(
    `Port ${port} on 127.0.0.1 is already in use.` +
      ' Set PORT to another port, or to 0 for any free one.',
  );
  await new Promise((resolve) => taken.close(resolve));
});

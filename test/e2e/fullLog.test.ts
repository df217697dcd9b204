import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const LOG = new URL('../../src/observability/log.ts', import.meta.url).href;

/** Logs for a while, as a service does, and ends in order. */
const PROGRAM = `
  import { createLog } from '${LOG}';
  const log = createLog('info');
  const each = setInterval(() => log.info('a line'), 10);
  setTimeout(() => {
    clearInterval(each);
    process.stderr.write('still here');
    process.exit(0);
  }, 500);`;

/** Without it a process that hangs would outlive the test. */
const PATIENCE_MS = 15_000;

it('a process whose log cannot be written goes on, and ends when it wants to', async () => {
  // A write to it fails, as on a full disk.
  const unwritable = openSync(fileURLToPath(import.meta.url), 'r');
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    stdio: ['ignore', unwritable, 'pipe'],
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  closeSync(unwritable);
  const ended = once(child, 'exit');
  if (child.stderr === null) throw new Error('The child has no standard error');
  expect([await text(child.stderr), ...(await ended)]).toEqual(['still here', 0, null]);
}, 20_000);

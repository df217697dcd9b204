import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const RUNTIME = new URL('../../src/temporal/runtime.ts', import.meta.url);
const LOG = new URL('../../src/observability/log.ts', import.meta.url);
/** The core reads it once a process, so each case needs one of its own. */
const SCRIPT = `
  import { installRuntime } from '${RUNTIME.href}';
  import { createLog } from '${LOG.href}';
  installRuntime(createLog('silent'));
  console.log(process.env.TOKIO_WORKER_THREADS);
  process.exit(0);
`;

async function threadsWith(env: NodeJS.ProcessEnv): Promise<string> {
  const args = ['--input-type=module', '--eval', SCRIPT];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return stdout.trim();
}

it('the SDK has one thread of its core, or as many as the environment says', async () => {
  const { TOKIO_WORKER_THREADS: _, ...env } = process.env;
  expect(await threadsWith(env)).toBe('1');
  expect(await threadsWith({ ...env, TOKIO_WORKER_THREADS: '3' })).toBe('3');
});

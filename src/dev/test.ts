/**
 * `npm test`: the static checks, then vitest, which runs also where a check failed, so that one run
 * tells all. With arguments (files, vitest's options) vitest alone runs. Exits with vitest's code,
 * or 1 where only a check failed.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CLONE } from './stack/places.ts';

const vitest = join(
  dirname(createRequire(import.meta.url).resolve('vitest/package.json')),
  'vitest.mjs',
);
/**
 * Tests start the service, its command and supervisors of servers some hundred times; of the
 * processor time of a start, half goes into reading the sources. Node keeps what came of that here.
 */
process.env.NODE_COMPILE_CACHE ??= join(CLONE, 'node_modules/.cache/holdfast/compiled');

const args = process.argv.slice(2);
const run = (command: string, words: string[]): number => {
  const { status, error } = spawnSync(command, words, { cwd: CLONE, stdio: 'inherit' });
  if (error) console.error(`${command} did not start: ${error.message}`);
  return status ?? 1;
};

const checked = args.length > 0 ? 0 : run('npm', ['run', '-s', 'stage:check']);
const tested = run(process.execPath, [vitest, 'run', ...args]);
if (checked !== 0) console.error('The static checks failed: see above (npm run check).');
process.exitCode = tested || (checked === 0 ? 0 : 1);

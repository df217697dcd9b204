/**
 * Where the stack keeps things: all of it in the clone's git-ignored `.holdfast`, where possible.
 */
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canEnter, type SystemUser } from './postgresUser.ts';

/** The folder of the clone. */
export const CLONE = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');

/** Fetched programs, kept over runs. */
export const CACHE_DIR = join(CLONE, '.holdfast', 'cache');

/** Others may pass through it to what they own inside, and see nothing else. */
export const PASSABLE = 0o711;

/**
 * The data directory, made if missing: `HOLDFAST_DATA_DIR`, else `.holdfast/data` of the clone,
 * else (where the user that Postgres runs as cannot enter that) a folder in the system's temp
 * directory named after it.
 *
 * @param say is told when another folder is taken than one would expect
 */
export function dataDir(
  env: NodeJS.ProcessEnv,
  user: SystemUser | null,
  say: (line: string) => void,
): string {
  const chosen = env.HOLDFAST_DATA_DIR;
  const wanted = chosen ? resolve(chosen) : join(CLONE, '.holdfast', 'data');
  makeUsable(wanted);
  if (canEnter(user, wanted)) return wanted;
  if (chosen) {
    throw new Error(
      `The user postgres, which the embedded Postgres runs as under root, cannot enter` +
        ` HOLDFAST_DATA_DIR=${wanted}: a folder above it is closed to others.` +
        ` Choose a folder that it can enter, or set DATABASE_URL.`,
    );
  }
  const instead = sharedTempFolder(wanted, user);
  say(
    `The user postgres cannot enter ${wanted}, so data goes to ${instead}` +
      ` (HOLDFAST_DATA_DIR chooses another place).`,
  );
  return instead;
}

/**
 * A folder in the system's temp directory for things of `wanted` that the user must reach; the same
 * one each time. `/var/tmp` comes first, because it outlives a restart of the machine.
 */
export function sharedTempFolder(wanted: string, user: SystemUser | null): string {
  const hash = createHash('sha256').update(wanted).digest('hex').slice(0, 10);
  const name = `holdfast-${basename(CLONE)}-${hash}`;
  for (const parent of ['/var/tmp', tmpdir(), '/tmp']) {
    if (!existsSync(parent) || !canEnter(user, parent)) continue;
    const folder = join(parent, name);
    makePassable(folder);
    // The name can be guessed: a folder or link that somebody else laid there is not ours to use.
    const found = lstatSync(folder);
    if (found.isDirectory() && found.uid === process.getuid?.()) return folder;
  }
  throw new Error(
    'No temp directory was found that the user postgres can enter and that is ours.' +
      ' Set HOLDFAST_DATA_DIR to a folder that it can enter, or set DATABASE_URL.',
  );
}

/** A new throw-away folder that the user can enter. */
export function throwAwayFolder(user: SystemUser | null): string {
  const parent = canEnter(user, tmpdir()) ? tmpdir() : '/tmp';
  const folder = mkdtempSync(join(parent, 'holdfast-'));
  chmodSync(folder, PASSABLE);
  return folder;
}

/** @throws an Error that names the folder and the variable where it cannot be made or written to */
function makeUsable(wanted: string): void {
  try {
    makePassable(wanted);
    if (!statSync(wanted).isDirectory()) throw new Error('it is no folder');
    accessSync(wanted, constants.W_OK);
  } catch (error) {
    throw new Error(
      `HOLDFAST_DATA_DIR=${wanted} cannot be used (${(error as Error).message}).` +
        ' Set HOLDFAST_DATA_DIR to a folder that you can write to.',
    );
  }
}

/** Makes a folder, and opens those that had to be made to passers-by, whatever the umask is. */
function makePassable(folder: string): void {
  if (existsSync(folder)) return;
  if (!existsSync(dirname(folder))) makePassable(dirname(folder));
  // Its own part alone: of a path whose parts vanish, as below /proc, Node makes all without end.
  try {
    mkdirSync(folder);
  } catch (error) {
    // Another start was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  chmodSync(folder, PASSABLE);
}

/**
 * One stack at a time on a data directory, told by a lock file; and what a dead one left behind.
 */
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { identityOf, isAlive, type ProcessIdentity } from './processes.ts';
import type { ServerRecord } from './server.ts';

export interface DataLock {
  /** Where each server's supervisor keeps its record while the server runs. */
  recordFile(name: string): string;
  release(): void;
}

/** Servers of a killed stack stop by themselves; this is how long a new one waits for them. */
const LEFTOVER_WAIT_MS = 60_000;
const POLL_MS = 100;

/**
 * Takes the lock of a data directory. A lock whose process is gone is taken over, after its servers
 * have ended; one that lost its supervisor too is stopped here.
 *
 * @throws an Error that names the process which holds the lock, or a file that is no lock
 */
export async function lockDataDir(dir: string, say: (line: string) => void): Promise<DataLock> {
  const file = join(dir, 'lock');
  const records = join(dir, 'run');
  mkdirSync(records, { recursive: true });
  const holder = claim(file);
  if (holder) {
    throw new Error(
      `The data directory ${dir} is in use by process ${holder.pid}` +
        ' (another npm run dev). Stop that one, or set HOLDFAST_DATA_DIR to another folder.',
    );
  }
  try {
    await waitForLeftovers(records, say);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  }
  return {
    recordFile: (name) => join(records, `${name}.json`),
    release: () => rmSync(file, { force: true }),
  };
}

/** Makes the lock file ours; or answers with the live process that holds it. */
function claim(file: string): ProcessIdentity | null {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identityOf(process.pid)));
  try {
    for (;;) {
      try {
        // A link is made whole or not at all, so that nobody reads a half-written lock.
        linkSync(mine, file);
        return null;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      refuseForeign(file);
      const holder = read<ProcessIdentity>(file);
      if (holder && isAlive(holder)) return holder;
      // Moving it away, instead of removing it, lets only one of two takers have the stale lock.
      const stale = `${file}.stale.${process.pid}`;
      try {
        renameSync(file, stale);
      } catch {
        continue;
      }
      const moved = read<ProcessIdentity>(stale);
      if (moved && isAlive(moved)) {
        renameSync(stale, file);
        return moved;
      }
      rmSync(stale, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** What another program calls its lock is not ours to take away. */
function refuseForeign(file: string): void {
  let text = 'a folder';
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    // Another start has just taken it away.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
  }
  // A crash of the machine leaves an empty one, or zeros.
  if (text.replaceAll('\0', '').trim() === '' || parsed<ProcessIdentity>(text)?.pid) return;
  throw new Error(`${file} is no lock of ours. Set HOLDFAST_DATA_DIR to a folder of its own.`);
}

async function waitForLeftovers(records: string, say: (line: string) => void): Promise<void> {
  for (const name of readdirSync(records)) {
    const file = join(records, name);
    const record = read<ServerRecord>(file);
    // A file of somebody else, whose folder of that name this is too.
    if (!record?.server || !record.supervisor) continue;
    if (isAlive(record.server) || isAlive(record.supervisor)) {
      say(`Waiting for ${record.name} of the last run (process ${record.server.pid}) to stop …`);
      await waitForEnd(record);
    }
    rmSync(file, { force: true });
  }
}

async function waitForEnd(record: ServerRecord): Promise<void> {
  const deadline = Date.now() + LEFTOVER_WAIT_MS;
  let told = false;
  // The supervisor outlives its server by a moment, in which it removes its record.
  while (isAlive(record.server) || isAlive(record.supervisor)) {
    if (!told && !isAlive(record.supervisor)) {
      process.kill(record.server.pid, record.stopSignal);
      told = true;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `${record.name} of the last run (process ${record.server.pid}) does not stop.` +
          ` End it (kill ${record.server.pid}) and start again.`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function read<T>(file: string): T | null {
  try {
    return parsed<T>(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function parsed<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}

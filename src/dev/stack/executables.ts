/** Executables: looked up on PATH, put into the cache. */
import { accessSync, chmodSync, constants, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** The absolute path of a command on PATH, or null. */
export function findOnPath(command: string, env: NodeJS.ProcessEnv = process.env): string | null {
  for (const folder of (env.PATH ?? '').split(delimiter)) {
    const candidate = join(folder, command);
    if (folder.startsWith('/') && isExecutable(candidate)) return candidate;
  }
  return null;
}

/** True when the file is there and may be run. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes an executable in one step: it is there whole or not at all, also with two runs at once.
 */
export function installExecutable(content: Uint8Array, target: string): void {
  mkdirSync(dirname(target), { recursive: true });
  const partial = `${target}.${process.pid}`;
  writeFileSync(partial, content);
  chmodSync(partial, 0o755);
  renameSync(partial, target);
}

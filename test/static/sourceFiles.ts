/** The files that git knows or would add, so that ignored folders never count. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface SourceFile {
  /** Relative to the repository's root, with `/`. */
  path: string;
  text: string;
}

/** Every file of the tree, new ones included, without those that git ignores. */
export function listPaths(): string[] {
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'],
    { cwd: ROOT, encoding: 'utf8' },
  );
  return listed.split('\0').filter(Boolean).sort();
}

/** Reads those of the files whose path matches; one deleted meanwhile is left out. */
export function readSources(matching: RegExp): SourceFile[] {
  const sources: SourceFile[] = [];
  for (const path of listPaths()) {
    if (!matching.test(path)) continue;
    try {
      sources.push({ path, text: readFileSync(join(ROOT, path), 'utf8') });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return sources;
}

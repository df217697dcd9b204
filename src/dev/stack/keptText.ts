/** Short texts that a data directory keeps, such as its key. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

/**
 * The text of a file, made at first use. It stands there whole or not at all; one that is empty
 * was left by a full disk, and is made anew.
 */
export function keptText(file: string, make: () => string): string {
  const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (kept !== '') return kept;
  const text = make();
  const partial = `${file}.partial`;
  writeFileSync(partial, `${text}\n`, { mode: 0o600 });
  renameSync(partial, file);
  return text;
}

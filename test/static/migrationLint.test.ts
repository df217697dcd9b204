/** Squawk reads every migration; what it is told to pass over has to be taken care of elsewhere. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from './sourceFiles.ts';

const SQUAWK = join(ROOT, 'node_modules/.bin/squawk');

/** What squawk says of a migration, by the repository's own configuration. */
function squawk(sql: string): string {
  const { stdout } = spawnSync(SQUAWK, ['--reporter', 'gcc', '--stdin-filepath', 'new.sql'], {
    cwd: ROOT,
    input: sql,
    encoding: 'utf8',
  });
  return stdout;
}

describe('squawk', () => {
  it('finds nothing in the migrations', () => {
    execFileSync(SQUAWK, ['--no-error-on-unmatched-pattern', 'migrations/*.sql'], { cwd: ROOT });
  });

  it.each([
    ['ban-drop-column', 'alter table wallets drop column owner;'],
    ['adding-required-field', 'alter table wallets add column shoe_size text not null;'],
    ['renaming-column', 'alter table wallets rename column owner to holder;'],
    ['changing-column-type', 'alter table wallets alter column owner type varchar(10);'],
  ])('refuses %s', (rule, sql) => {
    expect(squawk(sql)).toContain(rule);
  });

  it('may pass over missing time-outs, since the runner sets them for its session', () => {
    const says = (path: string, word: string) =>
      readFileSync(join(ROOT, path), 'utf8').includes(word);
    expect(says('.squawk.toml', 'require-lock-timeout')).toBe(true);
    expect(says('src/db/migrate.ts', 'lock_timeout'), 'no lock_timeout in migrate.ts').toBe(true);
  });
});

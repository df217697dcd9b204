/** Folders that the stack cannot use are told; files that a full disk left empty are made anew. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { keptAdminKey } from '../../src/dev/settings.ts';
import { genesisTime } from '../../src/dev/stack/anvil.ts';

const DEV = fileURLToPath(new URL('../../src/dev/dev.ts', import.meta.url));
const PATIENCE_MS = 60_000;

const folder = mkdtempSync(join(tmpdir(), 'holdfast-places-'));
const file = join(folder, 'a-file');
writeFileSync(file, '');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([
  ['a file', file],
  ['a folder below a file', join(file, 'below')],
  // A file system where no folder can be made: asked to make all parts of a path, Node never ends.
  ...(process.platform === 'linux' ? [['a folder that cannot be made', '/proc/none/below']] : []),
])(
  'HOLDFAST_DATA_DIR that is %s is told by its name',
  { timeout: 2 * PATIENCE_MS },
  (_, dataDir) => {
    const env = { ...process.env, PORT: '0', CHAIN_RPC_URL: 'off', HOLDFAST_DATA_DIR: dataDir };
    const ended = spawnSync(process.execPath, [DEV], {
      env: { ...env, HOLDFAST_PARENT_PIPE: '', DATABASE_URL: '', TEMPORAL_ADDRESS: '' },
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      killSignal: 'SIGKILL',
    });
    expect(ended.stderr).toContain(`HOLDFAST_DATA_DIR=${dataDir} cannot be used`);
    expect(ended.stderr).not.toMatch(/^ +at /m);
    expect(ended.status).toBe(1);
  },
);

test('a key and a time that a full disk left empty are made anew, and kept', () => {
  writeFileSync(join(folder, 'admin.key'), '');
  const key = keptAdminKey(folder);
  expect(key).toMatch(/^hf_admin_/);
  expect(keptAdminKey(folder)).toBe(key);
  const state = join(folder, 'state.json');
  writeFileSync(`${state}.genesis`, '');
  const time = genesisTime(state);
  expect(time).toMatch(/^\d+$/);
  expect(genesisTime(state)).toBe(time);
  expect(readFileSync(join(folder, 'admin.key'), 'utf8')).toBe(`${key}\n`);
});

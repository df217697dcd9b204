import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CLONE } from '../../src/dev/stack/places.ts';

const NOBODY = 'http://127.0.0.1:9/';
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-bootstrap-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs the bootstrap of a clone; answers exit code and both outputs. */
function bootstrap(clone: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const script = join(clone, 'src/dev/bootstrap.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    env: { ...process.env, npm_execpath: '', ...env },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

/** A clone with our bootstrap and a package list of its own. */
function sampleClone(dependencies: Record<string, string>): string {
  cpSync(join(CLONE, 'src/dev'), join(dir, 'src/dev'), { recursive: true });
  const root = { name: 'sample', version: '1.0.0', dependencies };
  const scripts = { 'stage:sample': 'exec echo ran' };
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ ...root, scripts }));
  const packages: Record<string, object> = { '': root };
  for (const [name, version] of Object.entries(dependencies)) {
    packages[`node_modules/${name}`] = { version, resolved: `${NOBODY}${name}.tgz` };
  }
  const lock = { ...root, lockfileVersion: 3, requires: true, packages };
  writeFileSync(join(dir, 'package-lock.json'), JSON.stringify(lock));
  return dir;
}

test('--help tells every command and variable, and runs nothing', () => {
  const { status, stdout } = bootstrap(CLONE, ['dev', '--help']);
  expect(status).toBe(0);
  for (const word of ['npm run demo', 'npm run dev', 'npm test', 'PORT', 'HOLDFAST_DATA_DIR']) {
    expect(stdout).toContain(word);
  }
});

test.each([
  ['bench', 'withdrawals'],
  ['storm', '--seeds'],
])('%s --help tells its own options', (stage, option) => {
  const { status, stdout } = bootstrap(CLONE, [stage, '--help']);
  expect(status).toBe(0);
  expect(stdout).toMatch(new RegExp(`^ +${option}`, 'm'));
});

test('an unknown stage is told with what there is', () => {
  const { status, stderr } = bootstrap(CLONE, ['launch']);
  expect(status).toBe(1);
  expect(stderr).toContain('There is no stage "launch".');
});

test('all that the machine lacks is told at once', () => {
  const { status, stderr } = bootstrap(CLONE, ['check'], { PATH: dir });
  expect(status).toBe(1);
  expect(stderr).toBe('This machine lacks what Holdfast needs:\n- git on PATH.\n- npm on PATH.\n');
});

test('a registry that cannot be reached is told with what to do', () => {
  const clone = sampleClone({ 'left-out': '1.0.0' });
  const env = { npm_config_registry: NOBODY, npm_config_fetch_retries: '0', HOME: dir };
  const { status, stdout, stderr } = bootstrap(clone, ['sample'], env);
  expect(status).toBe(1);
  expect(stdout).toContain('Installing packages');
  expect(stderr).toMatch(/ECONNREFUSED.*npm ci failed with code 1; .*\(npm ping\)/s);
});

test('an install that brings no Node 24 is told, and the stage is not run', () => {
  const { status, stdout, stderr } = bootstrap(sampleClone({}), ['sample'], { HOME: dir });
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^Node 24 should have come with the packages, but .* is missing\. npm must/,
  );
  expect(stdout).not.toContain('ran');
});

test('parts of this machine are asked without the proxy that the environment names', () => {
  const checks = join(CLONE, 'src/dev/bootstrapChecks.mjs');
  const script = `import { withoutProxyHere } from ${JSON.stringify(checks)};
    const upper = ['.a', '*', ' * '].map((NO_PROXY) => ({ NO_PROXY }));
    const given = [{}, ...upper, { NO_PROXY: '.a', no_proxy: '.b' }];
    console.log(JSON.stringify(given.map(withoutProxyHere)));`;
  const args = ['--input-type=module', '-e', script];
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  const both = (hosts: string) => ({ no_proxy: hosts, NO_PROXY: hosts });
  const here = '127.0.0.1,localhost';
  const all = both('*');
  const lists = [both(here), both(`.a,${here}`), all, all, both(`.b,${here}`)];
  expect(JSON.parse(stdout), 'in a list, * stands for no host').toEqual(lists);
});

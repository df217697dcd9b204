/** Connections to Postgres for the service's own statements. */
import pg from 'pg';

/** A pool or one connection of it: all that a ledger function needs. */
export type Db = { query: pg.Pool['query'] };
export type Pool = pg.Pool;
/** One of a pool, for as long as it is not released. */
export type Connection = pg.PoolClient;

export interface PoolSettings {
  databaseUrl: string;
  /** Most connections at once. */
  size: number;
  /** What `pg_stat_activity` calls them. */
  applicationName: string;
  /** Refuse to write, as a standby does. */
  readOnly?: boolean;
  /** How long a query waits for its answer, and at most for a connection, in milliseconds. */
  silenceMs?: number;
}

/** A step waits for another step's lock, which is held for milliseconds; longer is a fault. */
const LOCK_TIMEOUT_MS = 5_000;
/** Above the lock timeout, below the 15 s that a step's activity may take. */
const STATEMENT_TIMEOUT_MS = 10_000;
/** Nothing of ours thinks inside a transaction; a session that does has lost its client. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000;
/**
 * Above the statement timeout, below the 15 s of a step's activity: a server that says nothing by
 * then is gone, such as one that lost its power or its network. Without it such a connection is
 * given up by the kernel after a quarter of an hour, and until then it counts as one of the pool.
 */
const SILENCE_MS = 12_000;
/** How long anybody waits for the server to accept a connection, or for one to be free. */
export const CONNECT_TIMEOUT_MS = 5_000;

/**
 * How statements are planned. The ledger's find rows by key. Plans are made once a session, and
 * never from the statistics of a table that was empty then: such a plan reads the whole table for
 * ever.
 */
export const PLANNING = {
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
} as const;

/**
 * What statements mean and what a commit promises. A database, a role or a server may have other
 * defaults: then a name is looked for in another schema, a backslash in a string is another letter,
 * and what was told as done is gone with a crash.
 */
const MEANING = {
  search_path: 'public',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  // Counts come as float8, of which a low value drops digits.
  extra_float_digits: 1,
  // What a step reads behind a lock is what is there then; in a snapshot that lasts, limits would
  // count what was there before.
  default_transaction_isolation: 'read committed',
  // Above it is only remote_apply, which makes standbys show sooner what they have kept already.
  synchronous_commit: 'on',
} as const;

/**
 * Opens a pool whose sessions have the rights of `holdfast_app`, whoever the URL logs in as: the
 * role may insert and read entries, and never change them.
 */
export function createPool(settings: PoolSettings): Pool {
  const parameters = {
    role: 'holdfast_app',
    lock_timeout: LOCK_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    default_transaction_read_only: settings.readOnly ? 'on' : 'off',
    ...PLANNING,
    // Compiling costs more than any statement of a step takes.
    jit: 'off',
  };
  const silenceMs = settings.silenceMs ?? SILENCE_MS;
  const pool = new pg.Pool({
    max: settings.size,
    application_name: settings.applicationName,
    connectionTimeoutMillis: Math.min(CONNECT_TIMEOUT_MS, silenceMs),
    keepAlive: true,
    // A server that says nothing never closes what a stop asks it to; no process stays for that.
    allowExitOnIdle: true,
    query_timeout: silenceMs,
    ...sessionsAt(settings.databaseUrl, parameters),
  });
  // An idle connection that breaks is replaced at the next query; without a listener it would end
  // the process.
  pool.on('error', () => {});
  return pool;
}

/** The driver's settings for sessions with these parameters, and with what statements rely on. */
export function sessionsAt(databaseUrl: string, parameters: Record<string, string | number>) {
  const options = Object.entries({ ...MEANING, ...parameters })
    .map(([name, value]) => `-c ${name}=${String(value).replaceAll(' ', '\\ ')}`)
    .join(' ');
  return withOptions(databaseUrl, options);
}

/**
 * `options` of a URL would replace ours, the role among them. They stay, and ours come last. All
 * else is left to the driver as it is written: there it may have blanks, and at a socket a user
 * without a host, which is no address to `URL`.
 */
function withOptions(databaseUrl: string, options: string) {
  const [, address, query = ''] = /^([^?#]*)\?([^#]*)/.exec(databaseUrl) ?? [];
  const own = new URLSearchParams(query).get('options');
  if (own === null) return { connectionString: databaseUrl, options };
  const others = query.split('&').filter((each) => !new URLSearchParams(each).has('options'));
  return { connectionString: `${address}?${others.join('&')}`, options: `${own} ${options}` };
}

/** Brings a database up to this version of the code: numbered SQL files, forward only. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import pg from 'pg';
import { connectFault } from './connectFault.ts';
import { CONNECT_TIMEOUT_MS, sessionsAt } from './pool.ts';
import { type DatabaseServer, EXPENDABLE, MARK, serverFault, serverRisk } from './serverFault.ts';

const MIGRATIONS = new URL('../../migrations/', import.meta.url);
/** A statement that waits longer for a table would make everybody behind it wait too; try again. */
const LOCK_TIMEOUT = '5s';
/** One number for every process that migrates this database: "hold" in ASCII. */
const ADVISORY_LOCK = 0x686f6c64;

/**
 * A migration takes as long as it takes, whatever a role's statements may. Where the mark does not
 * arrive, the service's sessions do not get what they are opened with either.
 */
const PARAMETERS = {
  [MARK]: 'on',
  default_transaction_read_only: 'off',
  statement_timeout: 0,
  lock_timeout: 0,
};
/** A table that is missing a column, or is there already, is somebody else's. */
const FOREIGN = new Set(['42703', '42P07']);

interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

/**
 * Applies the migrations that are missing, each in a transaction of its own, as the owner whom the
 * URL names. Several processes may call it at once; one works, the others wait.
 *
 * @param warn is told what may be lost there, in a sentence
 * @returns the names that were applied now
 * @throws an Error that names the file, when one fails or was changed after it had been applied, or
 *   that says why the books cannot be kept there
 */
export async function migrate(
  databaseUrl: string,
  warn: (risk: string) => void = () => {},
): Promise<string[]> {
  const migrations = await readMigrations();
  const client = new pg.Client({
    ...sessionsAt(databaseUrl, PARAMETERS),
    application_name: 'holdfast-migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // A connection that breaks fails the statement under way, and without a listener the process.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    const { message } = error as Error;
    throw new Error(connectFault(error) ?? `Postgres cannot be used: ${message}`, { cause: error });
  }
  try {
    await refuseUnfit(client, warn);
    // Waits for another process that migrates, however long that takes; then for tables only a bit.
    await client.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
    await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`);
    return await applyMissing(client, migrations);
  } catch (error) {
    const fault = connectFault(error) ?? foreignFault(error);
    throw fault === null ? error : new Error(fault, { cause: error });
  } finally {
    await client.end();
  }
}

async function refuseUnfit(client: pg.Client, warn: (risk: string) => void): Promise<void> {
  const { rows } = await client.query<DatabaseServer>(
    `select current_setting('server_version') as version,
       current_setting('server_encoding') as encoding,
       current_setting($1, true) is not distinct from 'on' as marked,
       current_setting('session_replication_role') as "replicationRole",
       current_setting('fsync') as fsync, current_setting('full_page_writes') as "fullPages",
       current_setting($2, true) is not distinct from 'on' as expendable`,
    [MARK, EXPENDABLE],
  );
  const [server] = rows;
  if (server === undefined) return;
  const fault = serverFault(server);
  if (fault !== null) throw new Error(fault);
  const risk = serverRisk(server);
  if (risk !== null) warn(risk);
}

async function applyMissing(client: pg.Client, migrations: Migration[]): Promise<string[]> {
  await client.query(
    `create table if not exists schema_migrations (
      name text primary key,
      checksum text not null,
      applied_at timestamptz not null default clock_timestamp()
    )`,
  );
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'select name, checksum from schema_migrations',
  );
  const applied = new Map(rows.map(({ name, checksum }) => [name, checksum]));
  // All before the first is applied: a database that is refused stays as its own build knows it.
  for (const { name, checksum } of migrations) {
    if ((applied.get(name) ?? checksum) === checksum) continue;
    throw new Error(
      `Migration ${name} was changed after it had been applied to this database. ` +
        'Bring the file back and write a new one, or start with an empty database.',
    );
  }
  const missing = migrations.filter(({ name }) => !applied.has(name));
  for (const migration of missing) await apply(client, migration);
  return missing.map(({ name }) => name);
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(sql);
    await client.query('insert into schema_migrations (name, checksum) values ($1, $2)', [
      name,
      checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    // A connection that is gone cannot, and has nothing to take back.
    await client.query('rollback').catch(() => {});
    const reason = connectFault(error) ?? foreignFault(error) ?? (error as Error).message;
    throw new Error(`Migration ${name} failed: ${reason}`, { cause: error });
  }
}

/** A sentence or two where a database has others' tables or another owner; else null. */
function foreignFault(error: unknown): string | null {
  const { code = '', message } = error as { code?: string; message?: string };
  if (FOREIGN.has(code)) {
    return `The database has tables that are not ours (${message}). Give Holdfast one of its own.`;
  }
  if (code === '42501') {
    return (
      `Its user may not (${message}). Set DATABASE_URL to the user who owns the database; ` +
      'docs/settings.md has the rights that it needs.'
    );
  }
  return null;
}

async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, MIGRATIONS), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

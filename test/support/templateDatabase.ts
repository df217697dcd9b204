/** The database that every test database of a run is copied from: empty and migrated once. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
// biome-ignore lint/style/noRestrictedImports: src/db has no connection as the owner.
import pg from 'pg';
import { migrate } from '../../src/db/migrate.ts';
import { startPostgres } from '../../src/dev/stack/postgres.ts';

export interface TemplateDatabase {
  /** URL of a database of the same server from which others can be made and dropped. */
  adminUrl: string;
  template: string;
}

/**
 * Starts Postgres (or takes `DATABASE_URL`) and migrates the template.
 *
 * `stop` is told the databases that failed tests left, and keeps the cluster for them.
 */
export async function prepareTemplate(
  say: (line: string) => void,
): Promise<{ loan: TemplateDatabase; stop: (left: string[]) => Promise<void> }> {
  const given = process.env.DATABASE_URL;
  const postgres = given ? null : await startPostgres({ dataDir: null, logDir: null, say });
  const adminUrl = postgres?.databaseUrl ?? given ?? '';
  const template = `holdfast_template_${randomBytes(4).toString('hex')}`;
  const dropTemplate = () => execute(adminUrl, `drop database if exists ${template}`);
  try {
    await execute(adminUrl, `create database ${template}`);
    await migrate(withDatabase(adminUrl, template));
  } catch (error) {
    if (postgres) await postgres.stop();
    else await dropTemplate();
    throw error;
  }
  const stop = async (left: string[]): Promise<void> => {
    if (left.length > 0) say(`Failed tests left the databases ${left.join(', ')}.`);
    if (!postgres) return dropTemplate();
    if (left.length > 0) {
      say(`To look at them: npx node src/dev/openLeftDatabases.ts ${postgres.home}`);
      forgetOlderClusters(postgres.home);
    }
    await postgres.stop({ keep: left.length > 0 });
  };
  return { loan: { adminUrl, template }, stop };
}

const LEFT_MARK = 'left-by-failed-tests';
/** A cluster takes 50 to 100 MB, and red runs come in rows. */
const LEFT_CLUSTERS = 3;

/** Marks a cluster as left for somebody to look at, and removes all but the latest of these. */
function forgetOlderClusters(home: string): void {
  writeFileSync(join(home, LEFT_MARK), '');
  const isLeft = (folder: string) => existsSync(join(folder, LEFT_MARK));
  const leftAt = (folder: string) => statSync(join(folder, LEFT_MARK)).mtimeMs;
  const folders = readdirSync(dirname(home))
    .filter((name) => name.startsWith('holdfast-'))
    .map((name) => join(dirname(home), name));
  const latestFirst = folders.filter(isLeft).sort((a, b) => leftAt(b) - leftAt(a));
  for (const folder of latestFirst.slice(LEFT_CLUSTERS)) {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same server's URL with another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

export type Pool = pg.Pool;

/** Connections as the owner, without what `src/db` sets for the service. */
export function openPool(url: string, size: number): Pool {
  const pool = new pg.Pool({ connectionString: url, max: size });
  pool.on('error', () => {});
  return pool;
}

/** One statement on a connection of its own. */
export async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

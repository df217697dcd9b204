/** Databases of storms: each a copy of a migrated template, with a door for the owner. */
import { randomBytes } from 'node:crypto';
// biome-ignore lint/style/noRestrictedImports: src/db has no connection that may make databases.
import pg from 'pg';
import { migrate } from '../../db/migrate.ts';

export interface StormDatabase {
  name: string;
  /** Owner's URL. */
  url: string;
  /** The owner reads tables that no route shows. Answers the rows. */
  ask<Row extends object>(sql: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
  drop(): Promise<void>;
}

/** Makes an empty database with all migrations, to copy others from. Answers its name. */
export async function makeTemplate(adminUrl: string): Promise<string> {
  const name = `storm_template_${randomBytes(4).toString('hex')}`;
  await execute(adminUrl, `create database ${name}`);
  await migrate(withDatabase(adminUrl, name));
  return name;
}

/** Copies the template for one seed. */
export async function copyTemplate(
  adminUrl: string,
  template: string,
  seed: number,
): Promise<StormDatabase> {
  const name = `storm_${seed}_${randomBytes(4).toString('hex')}`;
  await execute(adminUrl, `create database ${name} template ${template} strategy file_copy`);
  const url = withDatabase(adminUrl, name);
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => {});
  const close = async () => {
    if (!pool.ending) await pool.end();
  };
  return {
    name,
    url,
    ask: async (sql, values = []) => (await pool.query(sql, values)).rows,
    close,
    async drop() {
      await close();
      await execute(adminUrl, `drop database ${name} with (force)`);
    },
  };
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

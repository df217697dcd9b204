/** A database as an earlier version of the code left it. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { Pool } from './templateDatabase.ts';

const MIGRATIONS = new URL('../../migrations/', import.meta.url);

/** Names of all migrations, in their order. */
export async function migrationFiles(): Promise<string[]> {
  return (await readdir(MIGRATIONS)).filter((name) => name.endsWith('.sql')).sort();
}

/** As `migrate` does it on an empty database, but for what comes after `version`. */
export async function migrateUpTo(pool: Pool, version: string): Promise<void> {
  await pool.query(
    `create table schema_migrations (name text primary key, checksum text not null,
      applied_at timestamptz not null default clock_timestamp())`,
  );
  for (const name of (await migrationFiles()).filter((file) => file <= version)) {
    const sql = await readFile(new URL(name, MIGRATIONS), 'utf8');
    await pool.query(sql);
    const checksum = createHash('sha256').update(sql).digest('hex');
    const row = 'insert into schema_migrations (name, checksum) values ($1, $2)';
    await pool.query(row, [name, checksum]);
  }
}

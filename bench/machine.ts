import { cpus, release, totalmem } from 'node:os';
import type { Db } from '../src/db/pool.ts';

/** Processors, memory, kernel and Node: what a figure has to be read with. */
export function machine(): string {
  const gigabytes = (totalmem() / 2 ** 30).toFixed(0);
  const processors = `${cpus().length} × ${cpus()[0]?.model.trim()}`;
  return `${processors}, ${gigabytes} GB, Linux ${release()}, Node ${process.version}`;
}

/** The server's version, and the settings that decide how durable and how fast it is. */
export async function postgresSettings(db: Db): Promise<string> {
  const { rows } = await db.query<{ text: string }>(
    `select string_agg(name || ' ' || current_setting(name), ', ') as text from unnest(array[
      'server_version', 'fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size']) name`,
  );
  return `Postgres: ${rows[0]?.text}`;
}

/** A database of the demo's own on a server that somebody uses for other things too. */
import { randomBytes } from 'node:crypto';
// biome-ignore lint/style/noRestrictedImports: src/db has no connection that may make databases.
import pg from 'pg';

export interface OwnDatabase {
  databaseUrl: string;
  drop(): Promise<void>;
}

/**
 * Makes an empty database beside the one that the URL names.
 *
 * @throws an Error that names the variable when the server or the right to do so is missing
 */
export async function ownDatabase(serverUrl: string): Promise<OwnDatabase> {
  const name = `holdfast_demo_${randomBytes(4).toString('hex')}`;
  const execute = async (statement: string): Promise<void> => {
    const client = new pg.Client(serverUrl);
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  try {
    await execute(`create database ${name}`);
  } catch (error) {
    throw new Error(
      `The demo could not make a database on the server of DATABASE_URL:` +
        ` ${(error as Error).message}. Unset DATABASE_URL to use an embedded Postgres.`,
    );
  }
  const databaseUrl = new URL(serverUrl);
  databaseUrl.pathname = `/${name}`;
  return {
    databaseUrl: databaseUrl.href,
    drop: () => execute(`drop database if exists ${name} with (force)`),
  };
}

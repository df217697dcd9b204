/** A database for one test file, copied from the migrated template of the run. */
import { randomBytes } from 'node:crypto';
import { createPool } from '../../src/db/pool.ts';
import { atFileEnd, borrow, hasFailedSoFar } from './borrow.ts';
import { execute, openPool, type Pool, withDatabase } from './templateDatabase.ts';

export interface TestDatabase {
  /** Owner's URL. */
  url: string;
  /** As the service connects: in the role `holdfast_app`. */
  pool: Pool;
  /** As the owner, for what the service may not do. */
  owner: Pool;
  /** Closes the pools, and drops the database unless a test failed. Happens at file end anyway. */
  drop(): Promise<void>;
}

/** Connections for races; more only wait for each other on two cores. */
const POOL_SIZE = 20;

/**
 * Makes a database and its pools. They end with the test file; where one of its tests failed, the
 * database stays and its name is printed.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { template } = await borrow('database');
  return openCopy(template);
}

/**
 * Another database with all that is in `source` now: what a backup of this moment would give.
 * Whoever works on `source` loses the connection.
 */
export async function copyTestDatabase(source: TestDatabase): Promise<TestDatabase> {
  const { adminUrl } = await borrow('database');
  const name = new URL(source.url).pathname.slice(1);
  const others = `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`;
  await execute(adminUrl, others);
  return openCopy(name);
}

async function openCopy(template: string): Promise<TestDatabase> {
  const { adminUrl } = await borrow('database');
  const name = `test_${randomBytes(5).toString('hex')}`;
  // Copying files beats writing every page to the log where nothing is fsynced.
  await execute(adminUrl, `create database ${name} template ${template} strategy file_copy`);
  const url = withDatabase(adminUrl, name);
  const owner = openPool(url, POOL_SIZE);
  const pool = createPool({ databaseUrl: url, size: POOL_SIZE, applicationName: 'test' });
  let ended = false;
  const end = async (failed: boolean): Promise<void> => {
    if (ended) return;
    ended = true;
    await Promise.all([owner, pool].map((each) => (each.ending ? undefined : each.end())));
    if (failed) await borrow('leaveDatabase', name);
    else await execute(adminUrl, `drop database ${name} with (force)`);
  };
  atFileEnd(end);
  return { url, pool, owner, drop: () => end(hasFailedSoFar()) };
}

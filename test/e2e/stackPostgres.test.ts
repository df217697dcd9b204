/** The embedded Postgres: a first start that was killed leaves nothing for the next to trip on. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { throwAwayFolder } from '../../src/dev/stack/places.ts';
import { startPostgres } from '../../src/dev/stack/postgres.ts';
import { postgresUser } from '../../src/dev/stack/postgresUser.ts';
import { processesWith, until } from './processes.ts';

const START_MS = 90_000;
const MODULE = new URL('../../src/dev/stack/postgres.ts', import.meta.url).href;

const home = throwAwayFolder(postgresUser());
afterAll(() => rmSync(home, { recursive: true, force: true }));

const options = { dataDir: home, logDir: null, recordFile: null, say: () => {} };

/** True once somewhere below it initdb has begun to write a cluster. */
const isBegun = () =>
  ['.', ...readdirSync(home)].some((name) => existsSync(join(home, name, 'postgres/PG_VERSION')));

test('a cluster whose making was killed is made anew by the next start', {
  timeout: 2 * START_MS,
}, async () => {
  const code = `
      const { startPostgres } = await import(${JSON.stringify(MODULE)});
      await startPostgres({ ...${JSON.stringify(options)}, say() {} });`;
  const starter = spawn(process.execPath, ['--input-type=module', '-e', code]);
  await until('initdb begins', isBegun, START_MS);
  starter.kill('SIGKILL');
  // What it had started may still write.
  await until('initdb ends', () => processesWith(home).length === 0, START_MS);
  const server = await startPostgres(options);
  try {
    expect(await migrate(server.databaseUrl)).not.toEqual([]);
  } finally {
    await server.stop();
  }
  expect(readdirSync(home).filter((name) => name.includes('making'))).toEqual([]);
});

test('a cluster whose server was killed counts as started once it takes connections', {
  timeout: 2 * START_MS,
}, async () => {
  const killed = await startPostgres(options);
  await migrate(killed.databaseUrl);
  const [pid] = readFileSync(join(home, 'postgres/postmaster.pid'), 'utf8').split('\n');
  process.kill(Number(pid), 'SIGKILL');
  await killed.ended;
  // It left its file behind, which says that it is ready.
  const server = await startPostgres(options);
  try {
    expect(await migrate(server.databaseUrl)).toEqual([]);
  } finally {
    await server.stop();
  }
});

test('a folder called postgres that holds something else is left as it is, and named', async () => {
  const other = throwAwayFolder(postgresUser());
  try {
    mkdirSync(join(other, 'postgres', 'pgdata'), { recursive: true });
    await expect(startPostgres({ ...options, dataDir: other })).rejects.toThrow(
      `${join(other, 'postgres')} is no cluster of Postgres and is not empty.`,
    );
    expect(readdirSync(join(other, 'postgres'))).toEqual(['pgdata']);
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
});

test("somebody else's cluster is not even started, and named", async () => {
  const other = throwAwayFolder(postgresUser());
  const control = join(other, 'postgres', 'global', 'pg_control');
  try {
    await (await startPostgres({ ...options, dataDir: other })).stop();
    const before = readFileSync(control);
    rmSync(join(other, 'postgres.password'));
    await expect(startPostgres({ ...options, dataDir: other })).rejects.toThrow(
      `${join(other, 'postgres')} is somebody else's cluster`,
    );
    expect(readFileSync(control)).toEqual(before);
  } finally {
    rmSync(other, { recursive: true, force: true });
  }
});

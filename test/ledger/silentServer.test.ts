/**
 * A server that is gone without a word, since its host lost power or the network drops all packets,
 * or with nothing but the end of the connection, as one whose disk is full.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { createPool } from '../../src/db/pool.ts';
import { isDatabaseAway, withRetry } from '../../src/db/sqlstate.ts';
import { callOnWholeBooks } from '../../src/ledger/wholeBooks.ts';
import type { Pool } from '../support/templateDatabase.ts';
import { createTestDatabase } from '../support/testDatabase.ts';

const POOL = new URL('../../src/db/pool.ts', import.meta.url).href;
const SILENCE_MS = 500;
/** Connections of the pool, all of which fall silent. */
const SIZE = 3;

/** A way to the server that takes what it is given and hands nothing on, while it is cut. */
async function wayTo(url: string) {
  const { hostname, port } = new URL(url);
  const ways = new Set<Socket>();
  let isCut = false;
  // It does not close what the other side closes, as nobody is there who would.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect(Number(port), hostname);
    upstream.on('close', () => isCut || client.end());
    for (const socket of [client, upstream]) {
      ways.add(socket);
      socket.on('error', () => {});
    }
    client.on('data', (data) => upstream.writable && upstream.write(data));
    upstream.on('data', (data) => client.writable && client.write(data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of ways) socket.destroy();
    server.close();
  });
  const address = server.address() as { port: number };
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(address.port);
  return {
    url: through.href,
    close: () => ways.forEach((socket) => void socket.destroy()),
    cut() {
      isCut = true;
      for (const socket of ways) socket.removeAllListeners('data').resume();
    },
  };
}

it('is given up in seconds, and the next one is used, as after a failover', async () => {
  const { url } = await createTestDatabase();
  const way = await wayTo(url);
  const silence = { size: SIZE, applicationName: 'test', silenceMs: SILENCE_MS };
  const pool = createPool({ databaseUrl: way.url, ...silence });
  const ask = () => pool.query('select pg_sleep(0.1), 1 as one');
  await Promise.all(Array.from({ length: SIZE }, ask));
  way.cut();
  const lost = await Promise.allSettled(Array.from({ length: SIZE }, ask));
  for (const each of lost) expect(isDatabaseAway((each as { reason?: unknown }).reason)).toBe(true);
  expect((await ask()).rows[0]).toMatchObject({ one: 1 });
  // What reads all entries may take longer than that.
  expect(await callOnWholeBooks(pool, "pg_sleep(1)::text || 'read'")).toBe('read');
  await pool.end();
});

/** A server that takes connections and says nothing. */
async function muteServer(): Promise<string> {
  const server = createServer((socket) => {
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  return `postgres://ada:pw@127.0.0.1:${port}/books`;
}

it.each([
  ['is not let in', muteServer, 0],
  ['finds no free connection', async () => (await createTestDatabase()).url, 1],
])('is waited for once by a call that %s, and not three times as long', async (_, at, taken) => {
  const silence = { size: 1, applicationName: 'test', silenceMs: SILENCE_MS };
  const pool = createPool({ databaseUrl: await at(), ...silence });
  const clients = await Promise.all(Array.from({ length: taken }, () => pool.connect()));
  let tries = 0;
  const asked = withRetry(() => {
    tries += 1;
    return pool.query('select 1');
  });
  expect(isDatabaseAway(await asked.catch((error: unknown) => error))).toBe(true);
  expect(tries).toBe(1);
  for (const client of clients) client.release();
  await pool.end();
});

it('keeps no start waiting that it never speaks to', async () => {
  await expect(migrate(await muteServer())).rejects.toThrow(
    /^Postgres does not answer \(timeout expired\)\. Start it/,
  );
}, 12_000);

/** Somebody holds the table of what was migrated, against all or in a mode, till the test ends. */
async function hold(owner: Pool, mode = 'access exclusive') {
  const holder = await owner.connect();
  onTestFinished(async () => {
    await holder.query('rollback');
    holder.release();
  });
  await holder.query(`begin; lock table schema_migrations in ${mode} mode`);
}

const WAITING = `select from pg_stat_activity
  where application_name = 'holdfast-migrate' and wait_event_type = 'Lock'`;

it('lets a process end, although it never closes its connections', async () => {
  const way = await wayTo((await createTestDatabase()).url);
  const settings = { databaseUrl: way.url, size: SIZE, applicationName: 'test' };
  const code = `
    const { createPool } = await import(${JSON.stringify(POOL)});
    const pool = createPool(${JSON.stringify(settings)});
    await pool.query('select 1');
    process.stdin.once('data', () => void pool.end().finally(process.stdin.destroy()));
    process.stdout.write('idle');`;
  const program = spawn(process.execPath, ['--input-type=module', '-e', code]);
  onTestFinished(() => void program.kill('SIGKILL'));
  const ended = once(program, 'exit');
  await once(program.stdout, 'data');
  way.cut();
  program.stdin.write('end');
  expect(await ended).toEqual([0, null]);
});

it('ends a migration with a sentence, and not the process', async () => {
  const { url, owner } = await createTestDatabase();
  const way = await wayTo(url);
  await hold(owner);
  const migrating = expect(migrate(way.url)).rejects.toThrow(
    /^Postgres does not answer \(Connection terminated unexpectedly\). Start it/,
  );
  await expect.poll(async () => (await owner.query(WAITING)).rowCount).toBe(1);
  way.close();
  await migrating;
});

it('ends one in the middle of a file with a sentence that names it', async () => {
  const { url, owner } = await createTestDatabase();
  await owner.query(`drop schema public cascade; create schema public;
    create table schema_migrations (name text primary key, checksum text not null)`);
  const way = await wayTo(url);
  await hold(owner, 'share');
  const migrating = expect(migrate(way.url)).rejects.toThrow(
    /^Migration 0001\S+ failed: Postgres does not answer \(Connection [^()]+\)\. Start it[^()]+$/,
  );
  await expect.poll(async () => (await owner.query(WAITING)).rowCount).toBe(1);
  way.close();
  await migrating;
});

it('is told from a table that somebody holds, waited for for five seconds', async () => {
  const { url, owner } = await createTestDatabase();
  await hold(owner);
  await expect(migrate(url)).rejects.toThrow('lock timeout');
}, 12_000);

/** A Postgres of somebody's own: its defaults change nothing, or it is refused in words. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { connectFault } from '../../src/db/connectFault.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createPool } from '../../src/db/pool.ts';
import { EXPENDABLE } from '../../src/db/serverFault.ts';
import { isDatabaseAway } from '../../src/db/sqlstate.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { audit } from '../../src/ledger/audit.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { readWallet } from '../../src/ledger/wallets.ts';
import { execute, openPool, withDatabase } from '../support/templateDatabase.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { credit, debit, done, transferInput, walletWith } from './ledgerWorld.ts';

let server: string;
beforeAll(async () => {
  ({ url: server } = await createTestDatabase());
});

/** An empty database with these defaults, dropped when the test ends. */
async function databaseWith(defaults: Record<string, string>) {
  const name = `other_${randomBytes(4).toString('hex')}`;
  await execute(server, `create database ${name} template template0`);
  onTestFinished(() => execute(server, `drop database ${name} with (force)`));
  const url = withDatabase(server, name);
  await execute(url, 'create schema others');
  for (const [parameter, value] of Object.entries(defaults)) {
    await execute(server, `alter database ${name} set ${parameter} = ${value}`);
  }
  return { name, url };
}

function open(databaseUrl: string) {
  const pool = createPool({ databaseUrl, size: 2, applicationName: 'test' });
  onTestFinished(() => pool.end());
  return pool;
}

it('keeps the books as any other does, whatever its defaults', async () => {
  const { url } = await databaseWith({
    search_path: 'others, public',
    standard_conforming_strings: 'off',
    escape_string_warning: 'off',
    array_nulls: 'off',
    default_transaction_isolation: 'serializable',
    default_transaction_read_only: 'on',
    default_transaction_deferrable: 'on',
    synchronous_commit: 'off',
    statement_timeout: '1',
    lock_timeout: '1',
    datestyle: 'German',
    timezone: "'Asia/Kathmandu'",
    intervalstyle: 'sql_standard',
    extra_float_digits: '-15',
    bytea_output: 'escape',
    quote_all_identifiers: 'on',
    row_security: 'off',
  });
  await migrate(url);
  const db = open(url);
  await createAsset(db, { code: 'USD', scale: 2 });
  const [from, to] = [await walletWith(db, '10'), await walletWith(db, '0')];
  const legs = [debit(from, '4'), credit(to, '4')];
  await done(openTransfer(db, transferInput(legs, { settle: 'immediate' })));
  expect(await readWallet(db, to)).toMatchObject({ balance: { available: '4' } });
  expect(await audit(db)).toMatchObject({ ok: true });
  const { rows } = await db.query(`select current_setting('synchronous_commit') as commits,
    1234::float8 as count,
    array_agg(distinct n.nspname::text) as schemas from pg_class c
    join pg_namespace n on n.oid = relnamespace where n.nspname in ('public', 'others')`);
  expect(rows).toEqual([{ commits: 'on', count: 1234, schemas: ['public'] }]);
});

it('is refused where the triggers that guard the books would not run', async () => {
  const { url } = await databaseWith({ session_replication_role: 'replica' });
  await expect(migrate(url)).rejects.toThrow(/^session_replication_role is replica there.*Reset/);
});

it('is refused behind a pooler that drops what our sessions are opened with', async () => {
  const { url } = await databaseWith({});
  await expect(migrate(await poolerBefore(url))).rejects.toThrow(/^What a session.*PgBouncer/);
  // What PgBouncer 1.18 says where it is not told to drop them.
  const refused = { code: '08P01', message: 'unsupported startup parameter: options' };
  expect(connectFault(refused)).toMatch(/^What a session.*PgBouncer.*startup parameter/);
});

/** Hands on the first message without `options`, as PgBouncer does where it is told to. */
async function poolerBefore(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const pooler = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.once('data', (first) => {
      // Two numbers, the length and the protocol's version; then names and values, each to a NUL.
      const words = first.toString('utf8', 8).split('\0');
      const at = words.indexOf('options');
      if (at >= 0) words.splice(at, 2);
      const text = Buffer.from(words.join('\0'));
      const head = Buffer.from(first.subarray(0, 8));
      head.writeInt32BE(8 + text.length);
      upstream.write(Buffer.concat([head, text]));
      client.pipe(upstream).pipe(client);
    });
  });
  pooler.listen(0, '127.0.0.1');
  await once(pooler, 'listening');
  onTestFinished(() => void pooler.close());
  const through = new URL(url);
  through.port = String((pooler.address() as { port: number }).port);
  return through.href;
}

it.each([
  ['schema_migrations (version bigint primary key)', /^The database has tables that are not ours/],
  ['wallets (id bigint)', /^Migration 0002\S+ failed: The database has tables that are not ours/],
])('is refused with a table of another application: %s', async (table, words) => {
  const { url } = await databaseWith({});
  await execute(url, `create table ${table}`);
  await expect(migrate(url)).rejects.toThrow(words);
});

it('is migrated by an owner with no other rights, once he was given the role', async () => {
  const user = `owner_${randomBytes(4).toString('hex')}`;
  await execute(server, `create role ${user} login password 'word'`);
  // The last thing of all, when nothing is his any more.
  onTestFinished(() => execute(server, `drop role ${user}`));
  const { name, url } = await databaseWith({});
  const own = new URL(url);
  own.username = user;
  own.password = 'word';
  await expect(migrate(own.href)).rejects.toThrow(/Its user may not .*public.*owns the database/);
  await execute(server, `alter database ${name} owner to ${user}`);
  await expect(migrate(own.href)).rejects.toThrow(`grant holdfast_app to ${user}`);
  await execute(server, `grant holdfast_app to ${user}`);
  // As in a server that was upgraded from before Postgres 15: there he could revoke nothing.
  await execute(url, 'alter schema public owner to current_user');
  await execute(url, 'grant create, usage on schema public to public');
  await expect(migrate(own.href)).rejects.toThrow(`alter schema public owner to ${user}`);
  await execute(url, `alter schema public owner to ${user}`);
  expect(await migrate(own.href)).not.toEqual([]);
  const db = open(own.href);
  await createAsset(db, { code: 'USD', scale: 2 });
  await walletWith(db, '10');
  await execute(server, `alter role ${user} connection limit 0`);
  await expect(migrate(own.href)).rejects.toThrow(/no connection left .*DATABASE_POOL_SIZE/);
});

it('is away, and no fault of ours, where it ends a transaction that takes too long', async () => {
  const { url } = await databaseWith({ transaction_timeout: '50' });
  const failed = await open(url)
    .query('select pg_sleep(5)')
    .catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: '25P04' });
  expect(isDatabaseAway(failed)).toBe(true);
});

it.each([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])('is away where its certificate is not trusted, with the way to name it: %s', (code) => {
  const untrusted = Object.assign(new Error('as Node says it'), { code });
  expect(isDatabaseAway(untrusted)).toBe(true);
  expect(connectFault(untrusted)).toMatch(/not trusted \(as Node says it\).*sslrootcert/);
});

it('is told of what a crash may take, but where that was the intention', async () => {
  const { url } = await databaseWith({});
  const tell = async (expendable: 'on' | 'off') => {
    const told: string[] = [];
    const asked = new URL(url);
    asked.searchParams.set('options', `-c ${EXPENDABLE}=${expendable}`);
    await migrate(asked.href, (risk) => told.push(risk));
    return told.join();
  };
  const pool = openPool(url, 1);
  const { rows } = await pool.query("select current_setting('fsync') as fsync");
  await pool.end();
  expect(await tell('off')).toMatch(
    rows[0].fsync === 'on' ? /^$/ : /^Postgres has fsync off.*to on\.$/,
  );
  expect(await tell('on')).toBe('');
});

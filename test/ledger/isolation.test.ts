/** What the ledger relies on of its sessions holds whatever the database's defaults are. */
import { randomBytes } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { createPool, type Pool } from '../../src/db/pool.ts';
import { putLimit } from '../../src/ledger/limits.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { atFileEnd } from '../support/borrow.ts';
import { codeOf, createWorld, debit, transferInput, walletWith } from './ledgerWorld.ts';

/** Holds at once, of which five are within the limit. */
const HOLDS = 20;

let db: Pool;
let owner: Pool;
let url: string;
beforeAll(async () => {
  ({ url, owner } = await createWorld());
  await owner.query(`do $$ begin execute format(
    'alter database %I set default_transaction_isolation = ''repeatable read''',
    current_database()); end $$`);
  db = open(url);
});

function open(databaseUrl: string): Pool {
  const pool = createPool({ databaseUrl, size: HOLDS, applicationName: 'test' });
  atFileEnd(() => pool.end());
  return pool;
}

it('a limit holds, which is counted behind its lock, where a snapshot would last', async () => {
  const wallets = await Promise.all(
    Array.from({ length: HOLDS }, () => walletWith(db, '10', 'USD', 'one')),
  );
  const limit = { id: 'day', asset: 'USD', owner: 'one', window: 'day' as const, amount: '50' };
  await putLimit(db, { ...limit, kinds: ['transfer'] });
  const holds = wallets.map((wallet) =>
    codeOf(openTransfer(db, transferInput([debit(wallet, '10')]))),
  );
  const answers = await Promise.all(holds);
  expect(answers.filter((answer) => answer === 'done')).toHaveLength(5);
  expect(answers.filter((answer) => answer === 'LIMIT_EXCEEDED')).toHaveLength(HOLDS - 5);
});

it('a URL with options of its own keeps them, and takes none of ours away', async () => {
  const given = new URL(url);
  given.searchParams.set('options', '-c work_mem=5MB -c role=none');
  const { rows } = await open(given.href).query(`select current_role as role,
    current_setting('work_mem') as memory, current_setting('transaction_isolation') as isolation`);
  expect(rows).toEqual([{ role: 'holdfast_app', memory: '5MB', isolation: 'read committed' }]);
});

it('a URL with options may have blanks, as one without', async () => {
  const name = `with blanks ${randomBytes(4).toString('hex')}`;
  await owner.query(`create database "${name}"`);
  const given = `${url.slice(0, url.lastIndexOf('/'))}/${name}?options=-c%20work_mem=5MB`;
  try {
    const { rows } = await open(given).query('select current_role as role');
    expect(rows).toEqual([{ role: 'holdfast_app' }]);
  } finally {
    await owner.query(`drop database "${name}" with (force)`);
  }
});

it('a URL of a socket may have options too, and a user', async () => {
  const socket = 'postgres://someone:word@/books?options=-c%20work_mem=5MB&host=/no/such/folder';
  await expect(open(socket).query('select')).rejects.toThrow('/no/such/folder');
});

it('no session waits for ever: for a lock, in a statement, for a client that is gone', async () => {
  const { rows } = await db.query(`select current_setting('lock_timeout') as lock,
    current_setting('statement_timeout') as statement,
    current_setting('idle_in_transaction_session_timeout') as idle`);
  expect(rows).toEqual([{ lock: '5s', statement: '10s', idle: '15s' }]);
});

it('a session that ends while nobody uses it takes nothing with it', async () => {
  const pool = open(url);
  const pidOf = async () => (await pool.query('select pg_backend_pid() as pid')).rows[0].pid;
  const before = await pidOf();
  expect(pool.listenerCount('error'), 'nobody hears it: the process would end').toBe(1);
  const { promise: ended, resolve } = Promise.withResolvers<unknown>();
  pool.once('remove', resolve);
  await owner.query('select pg_terminate_backend($1)', [before]);
  await ended;
  expect(await pidOf()).not.toBe(before);
});

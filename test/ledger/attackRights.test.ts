/** What the service's role may do beside writing entries: as little as its own statements need. */
import { randomBytes } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { createPool, type Pool } from '../../src/db/pool.ts';
import { execute, withDatabase } from '../support/templateDatabase.ts';
import { createWorld, heldPair } from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
let url: string;
beforeAll(async () => {
  ({ db, owner, url } = await createWorld());
});

/** The SQLSTATE that statements fail with in one session; 'no error' where none does. */
async function stateOf(pool: Pool, ...statements: string[]): Promise<string> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    for (const statement of statements) await client.query(statement);
    return 'no error';
  } catch (error) {
    return String((error as { code?: string }).code);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

it('legs are not written out of rows that are no entries', async () => {
  const { a, b, group } = await heldPair(db, '10');
  const forged = (leg: number, wallet: string, type: string, amount: string) =>
    `('${group}', ${leg}, '${wallet}', 'USD', '${type}', 'SETTLED', ${amount})`;
  const state = await stateOf(
    db,
    `update transfer_groups set xid = pg_current_xact_id() where id = '${group}'`,
    'create temp table forged (like ledger_entries)',
    `create trigger forged after insert on forged referencing new table as new_entries
      for each statement execute function carry_entries()`,
    'alter table forged alter id drop not null, alter operation drop not null',
    'alter table forged alter xid drop not null, alter created_at drop not null',
    `insert into forged (group_id, leg, wallet_id, asset, type, status, amount)
      values ${forged(1, a, 'DEBIT', '-10')}, ${forged(2, b, 'CREDIT', '10')}`,
  );
  expect(state).toBe('42501');
});

it('what runs with the rights of the owner is called by nobody but the service', async () => {
  const { rows } = await owner.query(
    `select p.proname from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      where p.pronamespace = 'public'::regnamespace and p.prosecdef and a.grantee = 0`,
  );
  expect(rows).toEqual([]);
});

it.each([
  ["an asset's unit", 'update assets set scale = 0'],
  ["an asset's contract", `update assets set chain = 'eip155:1', contract = '0x'`],
  ['where a withdrawal goes', `update withdrawals set destination = '0x'`],
  ['how much a withdrawal pays', 'update withdrawals set amount = amount * 2'],
])('%s stays as it was written', async (_, statement) => {
  expect(await stateOf(db, statement)).toBe('42501');
});

it('nothing is made beside the tables, as everybody could in a server of old', async () => {
  const name = `old_${randomBytes(4).toString('hex')}`;
  await execute(url, `create database ${name} template template0`);
  const old = withDatabase(url, name);
  const pool = createPool({ databaseUrl: old, size: 1, applicationName: 'test' });
  try {
    await execute(old, 'grant create on schema public to public');
    await migrate(old);
    const forged = `create function public.amount_text(money) returns text language sql
      return 'forged'`;
    expect(await stateOf(pool, forged)).toBe('42501');
  } finally {
    await pool.end();
    await execute(url, `drop database ${name}`);
  }
});

/** Books that were dumped and put back: into another database, and as if from another server. */
import { beforeEach, describe, expect, it } from 'vitest';
import { audit } from '../../src/ledger/audit.ts';
import { requireTransactionCounter } from '../../src/ledger/transactionCounter.ts';
import { sealNext } from '../../src/seals/sealTables.ts';
import { createWorld } from '../ledger/ledgerWorld.ts';
import { createTestDatabase, type TestDatabase } from '../support/testDatabase.ts';
import { faultsOf, head, pay, sealUntil, tamper } from './sealWorld.ts';

let world: TestDatabase;
beforeEach(async () => {
  world = await createWorld();
  await pay(world.pool);
  await sealUntil(world.pool);
  await pay(world.pool);
});

/** Every row of every table as a dump has it, in any order, and the counters of ids. */
async function restore(from: TestDatabase): Promise<TestDatabase> {
  const to = await createTestDatabase();
  const client = await to.owner.connect();
  const { rows: tables } = await from.owner.query(
    `select relname as name from pg_class where relkind = 'r'
       and relnamespace = 'public'::regnamespace and relname <> 'schema_migrations'`,
  );
  await client.query('begin');
  for (const { name } of tables) await client.query(`alter table ${name} disable trigger all`);
  for (const { name } of tables) {
    const { rows } = await from.owner.query(
      `select jsonb_agg(to_jsonb(t) order by random()) as rows from ${name} t`,
    );
    if (rows[0].rows === null) continue;
    await client.query(`delete from ${name}`);
    await client.query(
      `insert into ${name} overriding system value
         select * from jsonb_populate_recordset(null::${name}, $1)`,
      [JSON.stringify(rows[0].rows)],
    );
  }
  for (const { name } of tables) await client.query(`alter table ${name} enable trigger all`);
  const { rows: counters } = await from.owner.query(
    `select sequencename as name, last_value as value from pg_sequences where last_value > 0`,
  );
  for (const { name, value } of counters) {
    await client.query('select setval($1::text::regclass, $2)', [name, value]);
  }
  await client.query('commit');
  client.release(true);
  return to;
}

describe('books that were restored', () => {
  it('have the same seals, wherever their rows lie now, and go on with them', async () => {
    const exported = await head(world.pool);
    const { pool } = await restore(world);
    expect(await faultsOf(pool, [exported])).toEqual([]);
    await pay(pool);
    await sealUntil(pool);
    expect(await faultsOf(pool, [exported, await head(pool)])).toEqual([]);
    expect(await audit(pool)).toMatchObject({ ok: true });
    await requireTransactionCounter(pool);
  });

  it('of an hour ago do not have the head of now', async () => {
    const { pool } = await restore(world);
    await sealUntil(world.pool);
    await pay(world.pool);
    await sealUntil(world.pool);
    const exported = await head(world.pool);
    expect(await faultsOf(pool, [exported])).toEqual([
      `Seal ${exported.number} is missing: an exported head names it, and the chain ends with ` +
        `seal ${(await head(pool)).number}.`,
    ]);
    // Another history grows in its place.
    while ((await head(pool)).number < exported.number) {
      await pay(pool, '2');
      await sealUntil(pool);
    }
    expect(await faultsOf(pool)).toEqual([]);
    expect((await faultsOf(pool, [exported]))[0]).toMatch(/the chain was made anew since/);
  });
});

describe('on a server that counts transactions from below', () => {
  /** Two epochs further than this server is. */
  const FAR = '9000000000';

  it('nothing is sealed, and it is said what to do', async () => {
    await tamper(world.owner, 'seals', `update seals set next_xid = '${FAR}'`);
    await expect(sealNext(world.pool)).rejects.toMatchObject({
      message: expect.stringMatching(/^this server is at transaction \d+, and the books know of/),
      hint: expect.stringMatching(/pg_resetwal --epoch=3 /),
      code: 'HF005',
    });
  });

  it('no process starts by seals or by checkpoints of deferred wallets', async () => {
    await requireTransactionCounter(world.pool);
    await world.owner.query(
      `update wallet_balances set folded_below = '${FAR}' where mode = 'deferred'`,
    );
    await expect(requireTransactionCounter(world.pool)).rejects.toThrow(
      /^The ledger cannot be used on this server: this server is at .* pg_resetwal --epoch=3 on/,
    );
    await world.owner.query(
      `update wallet_balances set folded_below = '0' where mode = 'deferred'`,
    );
    await requireTransactionCounter(world.pool);
    await tamper(world.owner, 'seals', `update seals set next_xid = '${FAR}'`);
    await expect(requireTransactionCounter(world.pool)).rejects.toThrow(/pg_resetwal --epoch=3/);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { readSealsState, sealNext } from '../../src/seals/sealTables.ts';
import {
  createWorld,
  credit,
  debit,
  done,
  transferInput,
  walletWith,
} from '../ledger/ledgerWorld.ts';
import { withPlanWatch } from '../support/planWatch.ts';
import { countEntries, faultsOf, idsOf, pay, sealUntil } from './sealWorld.ts';

let db: Pool;
let owner: Pool;
beforeEach(async () => {
  ({ db, owner } = await createWorld());
});

/** Entries of each seal, by number. */
async function sizes(): Promise<number[]> {
  const { rows } = await db.query<{ entries: number }>('select entries from seals order by number');
  return rows.map(({ entries }) => entries);
}

/** Raw entries of a group that the same connection has written: `count` of one wallet. */
const rawHolds = (group: string, count: number) => `
  insert into transfer_groups (id, kind, status, client, created_at, opened_by)
    values ('${group}', 'transfer', 'IN_PROGRESS', 'x', clock_timestamp(), 'x');
  insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
      created_at)
    select '${group}', n, 'w', 'USD', 'CREDIT', 'HOLD', 1, 'x', clock_timestamp()
    from generate_series(1, ${count}) n`;

describe('sealing', () => {
  it('seals nothing where nothing is, and nothing twice', async () => {
    expect(await sealNext(db)).toBeNull();
    await pay(db);
    await sealUntil(db);
    expect(await sealNext(db)).toBeNull();
    expect(await faultsOf(db)).toEqual([]);
  });

  it('takes what was written since, each entry once', async () => {
    for (let round = 0; round < 3; round += 1) {
      await pay(db);
      await sealUntil(db);
    }
    expect((await sizes()).reduce((sum, size) => sum + size, 0)).toBe(await countEntries(db));
    expect(await readSealsState(db)).toMatchObject({ waiting: 0, oldestSeconds: 0 });
    expect(await faultsOf(db)).toEqual([]);
  });

  it('takes no more ids at once than it is told, and goes on behind them', async () => {
    await pay(db);
    await owner.query(rawHolds('many', 25));
    const all = await countEntries(db);
    const of = async () => {
      const { rows } = await owner.query('select ledger_seal(2) as s');
      return rows[0].s?.entries ?? 0;
    };
    let sealed = 0;
    while (sealed < all) {
      const entries = await of();
      expect(entries).toBeLessThanOrEqual(2);
      sealed += entries;
    }
    expect((await sizes()).length).toBeGreaterThanOrEqual(Math.ceil(all / 2));
    expect(await faultsOf(db)).toEqual([]);
  });

  it('leaves an entry with a lower id that is committed later to the next seal', async () => {
    await pay(db);
    await sealUntil(db);
    const [first, second] = [await db.connect(), await db.connect()];
    // The second has the lower transaction and writes last, so the first one's ids are lower.
    await second.query('begin; select pg_current_xact_id()');
    await first.query('begin');
    const inputs = await Promise.all(
      ['1', '2'].map(async (amount) =>
        transferInput([
          debit(await walletWith(owner, amount), amount),
          credit(await walletWith(owner, '0'), amount),
        ]),
      ),
    );
    await done(openTransfer(first, inputs[0]!));
    await done(openTransfer(second, inputs[1]!));
    await second.query('commit');
    const before = (await readSealsState(db)).entries;
    await sealUntil(db, before + 2);
    expect(await readSealsState(db)).toMatchObject({ waiting: 0 });
    await first.query('commit');
    for (const client of [first, second]) client.release();
    const ids = await Promise.all(inputs.map(({ groupId }) => idsOf(db, groupId)));
    expect(Number(ids[0]![1])).toBeLessThan(Number(ids[1]![0]));
    expect((await readSealsState(db)).oldestSeconds).toBeGreaterThan(0);
    await sealUntil(db);
    expect((await sizes()).at(-1)).toBeGreaterThanOrEqual(2);
    expect(await faultsOf(db)).toEqual([]);
    await pay(db);
    await sealUntil(db);
    expect(await faultsOf(db)).toEqual([]);
  });

  it('takes what comes seals later from a transaction beyond all that had ended', async () => {
    const [low, high] = [await owner.connect(), await owner.connect()];
    await low.query('begin; select pg_current_xact_id()');
    await high.query('begin');
    await high.query(rawHolds('late', 2));
    await low.query(rawHolds('early', 6));
    await low.query('commit');
    // Nothing has ended that began after the open one, so no snapshot shows that it has begun.
    while ((await readSealsState(db)).entries < 6) await owner.query('select ledger_seal(2)');
    expect(await sizes()).toEqual([2, 2, 2]);
    await high.query('commit');
    for (const client of [low, high]) client.release();
    expect((await readSealsState(db)).oldestSeconds).toBeGreaterThan(0);
    await sealUntil(db);
    expect(await faultsOf(db)).toEqual([]);
  });

  it('refuses a transaction that began before others, since it has written already', async () => {
    const client = await owner.connect();
    await client.query('begin; select pg_current_xact_id()');
    await expect(client.query('select ledger_seal(10)')).rejects.toThrow(
      'has written nothing before',
    );
    await client.query('rollback');
    client.release();
  });

  it('tells its state by a few statements, however many entries there are', async () => {
    await owner.query(rawHolds('many', 10_000));
    await sealUntil(db);
    const { number } = await readSealsState(db);
    await withPlanWatch(owner, async (watch) => {
      // As in a large ledger, where it looks through the pages that may have what it wants.
      await watch.session.query('set enable_indexscan = off');
      expect(number).toBeGreaterThan(0);
      expect(await readSealsState(watch.session)).toMatchObject({ number, waiting: 0 });
      expect(watch.statements).toBeLessThan(10);
    });
  });

  it('passes over what was taken back, also in a part of a transaction', async () => {
    await pay(db);
    const client = await owner.connect();
    await client.query('begin');
    await client.query(rawHolds('taken-back', 30));
    await client.query('rollback');
    await client.query('begin; savepoint a');
    await client.query(rawHolds('never', 4));
    await client.query('rollback to a; savepoint b');
    await client.query(rawHolds('kept', 3));
    await client.query('release b; commit');
    client.release();
    await sealUntil(db);
    await owner.query('select ledger_seal(5)');
    expect((await readSealsState(db)).entries).toBe(await countEntries(db));
    expect(await faultsOf(db)).toEqual([]);
  });

  it('goes on behind a stretch of ids that were all taken back', async () => {
    const client = await owner.connect();
    await client.query('begin');
    await client.query(rawHolds('taken-back', 50));
    await client.query('rollback');
    client.release();
    await pay(db);
    const all = await countEntries(db);
    while ((await readSealsState(db)).entries < all) await owner.query('select ledger_seal(10)');
    expect(await faultsOf(db)).toEqual([]);
  });

  it('waits for a transaction that is open, and says that it does', async () => {
    await pay(db);
    await sealUntil(db);
    const client = await db.connect();
    await client.query('begin; select pg_current_xact_id()');
    await pay(db);
    const entries = (await readSealsState(db)).entries;
    expect(await sealNext(db)).toBeNull();
    const state = await readSealsState(db);
    expect(state).toMatchObject({ entries });
    expect(state.waiting).toBeGreaterThan(0);
    expect(state.oldestSeconds).toBeGreaterThan(0);
    expect(state.openTransactions).toBeGreaterThan(0);
    await client.query('commit');
    client.release();
    await sealUntil(db);
    expect(await faultsOf(db)).toEqual([]);
  });

  it('has no part of a seal where it dies on the way', async () => {
    await pay(db);
    const client = await owner.connect();
    client.on('error', () => {});
    await client.query('begin; select ledger_seal(3)');
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const died = new Promise((resolve) => client.once('end', resolve));
    await owner.query('select pg_terminate_backend($1)', [rows[0].pid]);
    await died;
    client.release(true);
    expect(await sizes()).toEqual([]);
    await sealUntil(db);
    expect(await faultsOf(db)).toEqual([]);
  });

  it('is done by one at a time: the others find it at work and leave it alone', async () => {
    for (let round = 0; round < 5; round += 1) {
      await pay(db);
      const before = await sizes();
      const tries = await Promise.all(Array.from({ length: 12 }, () => sealNext(db)));
      const made = tries.flatMap((sealed) => (sealed ? [sealed.number] : []));
      expect(new Set(made).size).toBe(made.length);
      expect((await sizes()).length).toBe(before.length + made.length);
    }
    const client = await owner.connect();
    await client.query('begin; select ledger_seal(1000)');
    await pay(db);
    expect(await sealNext(db)).toBeNull();
    await client.query('commit');
    client.release();
    await sealUntil(db);
    expect(await faultsOf(db)).toEqual([]);
  });

  it('keeps its seals as entries are kept: nobody else makes, changes or removes one', async () => {
    await pay(db);
    await sealUntil(db);
    const insert = `insert into seals select number + 1, previous, upto_id, below, next_xid,
      entries, total, entries_hash, sealed_at, hash, marks from seals`;
    const code = (pool: Pool, sql: string) =>
      pool.query(sql).then(
        () => 'no error',
        (error) => error.code,
      );
    for (const sql of ['update seals set total = 0', 'delete from seals', 'truncate seals']) {
      expect(await code(db, sql)).toBe('42501');
      expect(await code(owner, sql)).toBe('HF001');
      expect(await code(owner, `set local session_replication_role = replica; ${sql}`)).toBe(
        'HF001',
      );
    }
    expect(await code(db, insert)).toBe('42501');
  });

  it('stops where ids are handed out in advance, since one could come late for ever', async () => {
    await pay(db);
    await owner.query('alter table ledger_entries alter column id set cache 20');
    await expect(sealNext(db)).rejects.toThrow(/handed out in advance/);
  });
});

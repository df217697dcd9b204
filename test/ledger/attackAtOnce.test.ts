/** Raw rows that hold and settle in one statement: a leg is written once, and only if it fits. */
import { beforeAll, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { createWorld, heldPair } from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
});

type Row = [leg: number, type: 'DEBIT' | 'CREDIT', status: string, amount: string];

/** A debit and a credit leg of so much, held and settled whole. */
const atOnce = (leg: number, amount = '1'): Row[] => [
  [leg, 'DEBIT', 'HOLD', `-${amount}`],
  [leg + 1, 'CREDIT', 'HOLD', amount],
  [leg, 'DEBIT', 'SETTLED', `-${amount}`],
  [leg + 1, 'CREDIT', 'SETTLED', amount],
];

/** Inserts the rows into a held pair's group by one statement; its SQLSTATE, and the legs. */
async function insert(pool: Pool, rows: Row[], { isWritten = true } = {}) {
  const { a, b, group } = await heldPair(db, '10');
  const client = await pool.connect();
  const values = rows.map(([leg, type, status, amount], index) => {
    const wallet = (type === 'DEBIT') === (status !== 'RELEASED') ? a : b;
    return `('${group}', ${leg}, '${wallet}', 'USD', '${type}', '${status}', ${amount},
      'attack:${index}', clock_timestamp())`;
  });
  try {
    await client.query('begin');
    if (isWritten) {
      await client.query('update transfer_groups set xid = pg_current_xact_id() where id = $1', [
        group,
      ]);
    }
    await client.query(
      `insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
         created_at) values ${values.join(', ')}`,
    );
    await client.query('commit');
    const legs = (await readGroup(db, group))?.legs ?? [];
    return { legs: legs.map((each) => `${each.leg}: ${each.settled} + ${each.remaining}`) };
  } catch (error) {
    await client.query('rollback');
    return { state: String((error as { code?: string }).code) };
  } finally {
    client.release();
  }
}

const both = () => [db, owner];

it('is one row of each leg', async () => {
  for (const pool of both()) {
    expect(await insert(pool, atOnce(3))).toEqual({
      legs: ['1: 0 + 10', '2: 0 + 10', '3: 1 + 0', '4: 1 + 0'],
    });
  }
});

it('may stand beside legs that are held, and legs of which a part is settled', async () => {
  const rows: Row[] = [
    ...atOnce(3),
    [5, 'DEBIT', 'HOLD', '-7'],
    [6, 'DEBIT', 'HOLD', '-5'],
    [7, 'CREDIT', 'HOLD', '5'],
    [6, 'DEBIT', 'SETTLED', '-2'],
    [7, 'CREDIT', 'SETTLED', '2'],
    [1, 'DEBIT', 'SETTLED', '-4'],
    [2, 'CREDIT', 'SETTLED', '4'],
    [1, 'CREDIT', 'RELEASED', '1'],
  ];
  for (const pool of both()) {
    expect(await insert(pool, rows)).toEqual({
      legs: ['1: 4 + 5', '2: 4 + 6', '3: 1 + 0', '4: 1 + 0', '5: 0 + 7', '6: 2 + 3', '7: 2 + 3'],
    });
  }
});

it.each([
  ['few', atOnce(3)],
  ['many', [3, 5, 7, 9].flatMap((leg) => atOnce(leg))],
])('is refused in a group that the transaction has not written: %s rows', async (_, rows) => {
  for (const pool of both()) {
    expect(await insert(pool, rows, { isWritten: false })).toEqual({ state: 'HF002' });
  }
});

it('is not the same as to hold twice, or to settle twice', async () => {
  const twice = (status: string): Row[] => [
    [3, 'DEBIT', status, '-1'],
    [3, 'DEBIT', status, '-1'],
    [4, 'CREDIT', status, '1'],
    [4, 'CREDIT', status, '1'],
  ];
  for (const pool of both()) {
    // The leg's own key.
    expect(await insert(pool, twice('HOLD'))).toEqual({ state: '23505' });
    expect(await insert(pool, [...twice('SETTLED'), ...atOnce(5)])).toEqual({ state: 'HF002' });
  }
});

it('is refused with a sign against its type', async () => {
  const rows = atOnce(3).map(
    ([leg, type, status, amount]): Row => [leg, type, status, `-(${amount})`],
  );
  for (const pool of both()) expect(await insert(pool, rows)).toEqual({ state: 'HF002' });
});

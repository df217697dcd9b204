import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { isInvariantBroken } from '../../src/db/sqlstate.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import {
  createWorld,
  credit,
  debit,
  done,
  heldPair,
  hold,
  step,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
});

const both = () => [['the app role', db] as const, ['the owner', owner] as const];

/** The SQLSTATE that a statement fails with; 'no error' where it does not. */
async function stateOf(pool: Pool, sql: string, values: unknown[] = []): Promise<string> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(sql, values);
    await client.query('commit');
    return 'no error';
  } catch (error) {
    await client.query('rollback');
    return String((error as { code?: string }).code);
  } finally {
    client.release();
  }
}

const ENTRY_COLUMNS = `group_id, leg, wallet_id, asset, type, status, amount, operation,
  wallet_version, settled_after, held_after, pending_in_after, created_at`;

/** Inserts raw entries [leg, wallet, type, status, amount] in one statement. */
const insertEntries = (
  pool: Pool,
  group: string,
  rows: [number, string, 'DEBIT' | 'CREDIT', string, string][],
) =>
  stateOf(
    pool,
    `insert into ledger_entries (${ENTRY_COLUMNS}) values ${rows
      .map(
        ([leg, wallet, type, status, amount], index) =>
          `($1, ${leg}, '${wallet}', 'USD', '${type}', '${status}', ${amount}, 'attack:${index}',
            null, null, null, null, clock_timestamp())`,
      )
      .join(', ')}`,
    [group],
  );

describe('entries', () => {
  it('are never changed or removed, by nobody', async () => {
    await heldPair(db, '10');
    const change = 'update ledger_entries set amount = amount * 2';
    expect(await stateOf(db, change)).toBe('42501');
    expect(await stateOf(db, 'delete from ledger_entries')).toBe('42501');
    expect(await stateOf(db, 'truncate ledger_entries')).toBe('42501');
    expect(await stateOf(owner, change)).toBe('HF001');
    expect(await stateOf(owner, 'delete from ledger_entries')).toBe('HF001');
    expect(await stateOf(owner, 'truncate ledger_entries cascade')).toBe('HF001');
    const replica = `set local session_replication_role = replica; ${change}`;
    expect(await stateOf(owner, replica)).toBe('HF001');
  });

  it.each([
    ['SETTLED rows that do not sum to zero', [[1, 'a', 'DEBIT', 'SETTLED', '-10']]],
    [
      'a settlement that the legs do not know',
      [
        [1, 'a', 'DEBIT', 'SETTLED', '-10'],
        [2, 'b', 'CREDIT', 'SETTLED', '10'],
      ],
    ],
    [
      'rows without a leg',
      [
        [3, 'a', 'DEBIT', 'SETTLED', '-1'],
        [4, 'b', 'CREDIT', 'SETTLED', '1'],
      ],
    ],
    ['a second hold of a leg', [[1, 'a', 'DEBIT', 'HOLD', '-10']]],
    ['a release that the leg does not know', [[1, 'a', 'CREDIT', 'RELEASED', '10']]],
    ['a row of a leg on another wallet', [[1, 'b', 'DEBIT', 'HOLD', '-10']]],
    ['a row whose sign does not follow its type', [[1, 'a', 'DEBIT', 'HOLD', '10']]],
  ] as const)('refuse %s, from the app role and the owner alike', async (_, rows) => {
    const { a, b, group } = await heldPair(db, '10');
    for (const [, pool] of both()) {
      const named = rows.map(
        ([leg, wallet, ...rest]) => [leg, wallet === 'a' ? a : b, ...rest] as never,
      );
      expect(await insertEntries(pool, group, named)).toMatch(/^HF00[2]$/);
    }
  });

  /** Settles legs whose rows agree with them, so that nothing but the sum is wrong. */
  const settleRaw = (legs: [group: string, wallet: string, amount: string][]) => `
    ${legs
      .map(
        ([group, wallet]) => `update transfer_legs set settled = amount, remaining = 0
          where group_id = '${group}' and wallet_id = '${wallet}';`,
      )
      .join('')}
    insert into ledger_entries (${ENTRY_COLUMNS})
      select l.group_id, l.leg, l.wallet_id, l.asset, l.type, 'SETTLED', u.amount, 'attack',
        null, null, null, null, clock_timestamp()
      from (values ${legs.map((leg) => `('${leg.slice(0, 2).join("','")}', ${leg[2]})`).join(', ')})
          u(group_id, wallet_id, amount)
        join transfer_legs l on l.group_id = u.group_id and l.wallet_id = u.wallet_id`;

  it('refuse SETTLED rows that sum to something, though each agrees with its leg', async () => {
    for (const [, pool] of both()) {
      const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
      const group = await hold(db, [debit(a, '10'), credit(b, '4')]);
      const unequal = settleRaw([
        [group, a, '-10'],
        [group, b, '4'],
      ]);
      expect(await stateOf(pool, unequal)).toBe('HF002');
    }
  });

  it('refuse SETTLED rows that sum to zero over two groups only', async () => {
    for (const [, pool] of both()) {
      const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
      const groups = [await hold(db, [debit(a, '10')]), await hold(db, [credit(b, '10')])];
      const together = settleRaw([
        [groups[0]!, a, '-10'],
        [groups[1]!, b, '10'],
      ]);
      expect(await stateOf(pool, together)).toBe('HF002');
    }
  });

  it('refuse rows of a group that is finished, or is not there', async () => {
    const { a, b, group } = await heldPair(db, '10');
    await done(cancel(db, { ...step('cancel', group), reason: 'x' }));
    const pair: Parameters<typeof insertEntries>[2] = [
      [1, a, 'DEBIT', 'SETTLED', '-10'],
      [2, b, 'CREDIT', 'SETTLED', '10'],
    ];
    for (const [, pool] of both()) {
      expect(await insertEntries(pool, group, pair)).toBe('HF002');
      expect(await insertEntries(pool, 'transfer:shop:nowhere', pair)).toBe('HF002');
      // Legs added on the quiet, with rows that fit them.
      const legs = `insert into transfer_legs
          (group_id, leg, wallet_id, asset, type, amount, settled, remaining)
        values ($1, 7, '${a}', 'USD', 'CREDIT', 5, 0, 5)`;
      const rows = `with l as (${legs} returning *)
        insert into ledger_entries (${ENTRY_COLUMNS})
        select l.group_id, l.leg, l.wallet_id, l.asset, 'CREDIT', 'HOLD', 5, 'x', null, null, null,
          null, clock_timestamp() from l`;
      expect(await stateOf(pool, rows, [group])).toBe('HF002');
    }
  });

  it('count as a broken invariant, so that they show up as bugs', async () => {
    const { group } = await heldPair(db, '10');
    const error = await db
      .query(
        `insert into ledger_entries (${ENTRY_COLUMNS}) values
        ($1, 9, 'x', 'USD', 'DEBIT', 'HOLD', -1, 'x', null, null, null, null, now())`,
        [group],
      )
      .catch((caught: unknown) => caught);
    expect(isInvariantBroken(error)).toBe(true);
    expect((error as Error).message).toContain(`entry of group ${group} has no leg 9`);
  });
});

describe('groups and legs', () => {
  it('a finished group never moves again', async () => {
    const { group } = await heldPair(db, '10');
    await done(cancel(db, { ...step('cancel', group), reason: 'x' }));
    for (const [, pool] of both()) {
      for (const change of ["status = 'IN_PROGRESS'", "status = 'SETTLED'", "reason = 'other'"]) {
        const sql = `update transfer_groups set ${change} where id = $1`;
        expect(await stateOf(pool, sql, [group])).toBe('HF003');
      }
    }
  });

  it('a group cannot be finished while a leg is held', async () => {
    const { group } = await heldPair(db, '10');
    const sql = `update transfer_groups set status = 'SETTLED', finished_at = now() where id = $1`;
    for (const [, pool] of both()) expect(await stateOf(pool, sql, [group])).toBe('HF003');
  });

  it('a leg keeps its wallet and amount, and its parts stay within it', async () => {
    const { group } = await heldPair(db, '10');
    const where = `where group_id = '${group}'`;
    expect(await stateOf(db, `update transfer_legs set amount = 1 ${where}`)).toBe('42501');
    expect(await stateOf(owner, `update transfer_legs set amount = 1 ${where}`)).toBe('HF001');
    expect(await stateOf(owner, `update transfer_legs set wallet_id = 'x' ${where}`)).toBe('HF001');
    for (const [, pool] of both()) {
      expect(await stateOf(pool, `update transfer_legs set remaining = -1 ${where}`)).toBe('23514');
      expect(await stateOf(pool, `update transfer_legs set remaining = 11 ${where}`)).toBe('23514');
      expect(await stateOf(pool, `update transfer_legs set reversed = 1 ${where}`)).toBe('23514');
    }
  });

  it.each(['transfer_groups', 'transfer_legs', 'operations', 'wallets', 'wallet_balances'])(
    'rows of %s are never removed',
    async (table) => {
      await hold(db, [debit(await walletWith(db, '1'), '1')]);
      expect(await stateOf(db, `delete from ${table}`)).toBe('42501');
      expect(await stateOf(owner, `delete from ${table}`)).toBe('HF001');
    },
  );

  it('answers are never changed', async () => {
    await hold(db, []);
    expect(await stateOf(db, "update operations set answer = '{}'")).toBe('42501');
    expect(await stateOf(owner, "update operations set answer = '{}'")).toBe('HF001');
  });
});

describe('balances', () => {
  it('of a wallet without overdraft never fall below what is held', async () => {
    const a = await walletWith(db, '10');
    await hold(db, [debit(a, '6'), credit(a, '6')]);
    for (const [, pool] of both()) {
      const sql = 'update wallet_balances set settled = settled - 5 where wallet_id = $1';
      expect(await stateOf(pool, sql, [a])).toBe('23514');
    }
  });
});

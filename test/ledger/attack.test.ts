import { beforeAll, describe, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { isInvariantBroken } from '../../src/db/sqlstate.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { readGroup } from '../../src/ledger/groups.ts';
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
      'a settlement by a transaction that has not written the group',
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
    ['a release by such a transaction', [[1, 'a', 'CREDIT', 'RELEASED', '10']]],
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

  /** Writes the groups first, as every step does, so that nothing but the rows is wrong. */
  const asAStep = (
    rows: [group: string, wallet: string, amount: string, status?: string, type?: string][],
  ) => `
    ${rows
      .map(
        ([group]) => `update transfer_groups set xid = pg_current_xact_id() where id = '${group}';`,
      )
      .join('')}
    insert into ledger_entries (${ENTRY_COLUMNS})
      select l.group_id, l.leg, l.wallet_id, l.asset, coalesce(u.type, l.type::text)::leg_type,
        u.status::entry_status, u.amount, 'attack', null, null, null, null, clock_timestamp()
      from (values ${rows
        .map(
          ([group, wallet, amount, status = 'SETTLED', type]) =>
            `('${group}', '${wallet}', ${amount}, '${status}', ${type ? `'${type}'` : 'null'})`,
        )
        .join(', ')}) u(group_id, wallet_id, amount, status, type)
        join transfer_legs l on l.group_id = u.group_id and l.wallet_id = u.wallet_id`;

  it('carry their legs along, so that a leg and its rows cannot differ', async () => {
    const { a, b, group } = await heldPair(db, '10');
    const part = asAStep([
      [group, a, '-4'],
      [group, b, '4'],
    ]);
    expect(await stateOf(owner, part)).toBe('no error');
    expect((await readGroup(db, group))?.legs).toMatchObject([
      { wallet: a, amount: '10', settled: '4', remaining: '6' },
      { wallet: b, amount: '10', settled: '4', remaining: '6' },
    ]);
  });

  it('refuse SETTLED rows that sum to something, though each has its leg', async () => {
    for (const [, pool] of both()) {
      const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
      const group = await hold(db, [debit(a, '10'), credit(b, '4')]);
      const unequal = asAStep([
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
      const together = asAStep([
        [groups[0]!, a, '-10'],
        [groups[1]!, b, '10'],
      ]);
      expect(await stateOf(pool, together)).toBe('HF002');
    }
  });

  it.each([
    ['more than is held', '11', 'SETTLED', null],
    ['more than is held back', '11', 'RELEASED', null],
    ['the type of its leg for what gives back', '10', 'CANCELLED', 'same'],
    ['another type than its leg for a settlement', '10', 'SETTLED', 'other'],
  ] as const)('refuse %s', async (_, amount, status, kind) => {
    for (const [, pool] of both()) {
      const { a, b, group } = await heldPair(db, '10');
      const isBack = status !== 'SETTLED';
      const type = (leg: 'DEBIT' | 'CREDIT') =>
        (kind === 'other') !== (isBack && kind === null)
          ? leg === 'DEBIT'
            ? 'CREDIT'
            : 'DEBIT'
          : leg;
      const signed = (leg: 'DEBIT' | 'CREDIT') => (type(leg) === 'DEBIT' ? `-${amount}` : amount);
      const rows = asAStep([
        [group, a, signed('DEBIT'), status, type('DEBIT')],
        [group, b, signed('CREDIT'), status, type('CREDIT')],
      ]);
      expect(await stateOf(pool, rows)).toBe('HF002');
    }
  });

  it('refuse a leg that is named twice in one settlement', async () => {
    const { a, b, group } = await heldPair(db, '10');
    const twice = asAStep([
      [group, a, '-2'],
      [group, b, '2'],
    ]).replace('join transfer_legs l', `cross join generate_series(1, 2) n join transfer_legs l`);
    const sql = twice.replace(`'attack', null`, `'attack' || n, null`);
    for (const [, pool] of both()) expect(await stateOf(pool, sql)).toBe('HF002');
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
      expect(await insertEntries(pool, group, [[7, a, 'CREDIT', 'HOLD', '5']])).toBe('HF002');
      // Nobody writes a finished group, which its entries would ask for.
      const touched = asAStep([[group, a, '-10']]);
      expect(await stateOf(pool, touched)).toBe('HF003');
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
    expect((error as Error).message).toContain(`group ${group} is IN_PROGRESS, and this`);
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

  it('a leg keeps its wallet and amount, and its parts follow its entries alone', async () => {
    const { group } = await heldPair(db, '10');
    const where = `where group_id = '${group}'`;
    expect(await stateOf(db, `update transfer_legs set amount = 1 ${where}`)).toBe('42501');
    expect(await stateOf(owner, `update transfer_legs set amount = 1 ${where}`)).toBe('HF001');
    expect(await stateOf(owner, `update transfer_legs set wallet_id = 'x' ${where}`)).toBe('HF001');
    for (const [, pool] of both()) {
      const refused = pool === db ? '42501' : 'HF001';
      for (const change of ['remaining = 9', 'settled = 1', 'settled = 5, remaining = 5']) {
        const sql = `update transfer_legs set ${change} ${where}`;
        expect(await stateOf(pool, sql)).toBe(refused);
      }
      const made = `insert into transfer_legs
          (group_id, leg, wallet_id, asset, type, amount, settled, remaining)
        values ($1, 7, 'x', 'USD', 'CREDIT', 5, 0, 5)`;
      expect(await stateOf(pool, made, [group])).toBe(refused);
      expect(await stateOf(pool, `update transfer_legs set reversed = 1 ${where}`)).toBe('HF003');
      expect(await stateOf(pool, `update transfer_legs set reversed = -1 ${where}`)).toBe('HF003');
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

/** Raw SQL on what stands beside the entries: what was announced, noted, and reported before. */
import { beforeAll, expect, it } from 'vitest';
import { groupId } from '../../src/contracts/ids.ts';
import type { Pool } from '../../src/db/pool.ts';
import { openDeposit } from '../../src/ledger/openDeposit.ts';
import { recordFact } from '../../src/ledger/timeline.ts';
import {
  addAsset,
  createWorld,
  credit,
  debit,
  done,
  heldPair,
  hold,
  step,
  unique,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
});

/** The SQLSTATE that a statement fails with; 'no error' where it does not. */
async function stateOf(pool: Pool, sql: string): Promise<string> {
  try {
    await pool.query(sql);
    return 'no error';
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

async function reported(txid: string): Promise<string> {
  const key = unique('key');
  const id = groupId('deposit', 'shop', key);
  const outside = { txid, ordinal: 0, source: 'bank', metadata: {}, acceptBy: null };
  const body = { client: 'shop', wallet: await walletWith(db, '0'), amount: '5', ...outside };
  await done(openDeposit(db, { ...step('create', id, key), ...body }));
  return id;
}

it('what was announced, and facts of a timeline, are never changed', async () => {
  const group = await hold(db, [debit(await walletWith(db, '1'), '1')]);
  const fact = { event: 'signal.settle', actor: 'ops', reason: null, detail: {}, key: 'one' };
  await recordFact(db, { groupId: group, ...fact });
  const where = `where group_id = '${group}'`;
  for (const [table, column] of [
    ['outbox', 'event'],
    ['group_facts', 'actor'],
  ]) {
    const change = `update ${table} set ${column} = 'other' ${where}`;
    expect(await stateOf(db, change), table).toBe('42501');
    expect(await stateOf(owner, change), table).toBe('HF001');
  }
  expect(await stateOf(db, `delete from group_facts ${where}`)).toBe('42501');
  expect(await stateOf(owner, `delete from group_facts ${where}`)).toBe('HF001');
});

it('one payment from outside is written down for one group, whoever writes', async () => {
  const first = await reported('wire-1');
  const second = await reported('wire-2');
  const again = `insert into deposits (group_id, wallet_id, asset, amount, source, txid, ordinal)
    select 'GROUP', wallet_id, asset, amount, source, txid, ordinal from deposits
    where group_id = '${first}'`;
  const other = await hold(db, []);
  for (const pool of [db, owner]) {
    expect(await stateOf(pool, again.replace('GROUP', other))).toBe('23505');
    expect(await stateOf(pool, again.replace('GROUP', second))).toBe('23505');
  }
  const change = `update deposits set txid = 'wire-3' where group_id = '${first}'`;
  expect(await stateOf(db, change)).toBe('42501');
  expect(await stateOf(owner, change)).toBe('HF001');
});

it('rows of two assets do not make up for each other in a settlement', async () => {
  await addAsset(db, { code: 'EUR', scale: 2 });
  const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0', 'EUR')];
  const group = await hold(db, [debit(a, '10'), credit(b, '10')]);
  // One transaction, as every query of several statements is.
  const settle = `
    update transfer_groups set xid = pg_current_xact_id() where id = '${group}';
    insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
        created_at)
      select group_id, leg, wallet_id, asset, type, 'SETTLED',
        case type when 'DEBIT' then -amount else amount end, 'attack', clock_timestamp()
      from transfer_legs where group_id = '${group}'`;
  for (const pool of [db, owner]) expect(await stateOf(pool, settle)).toBe('HF002');
});

/** Rows of a held pair's group in one statement, by a transaction that has written the group. */
const asAStep = (group: string, rows: [leg: number, wallet: string, type: string][], of: string) =>
  `update transfer_groups set xid = pg_current_xact_id() where id = '${group}';
   insert into ledger_entries (group_id, leg, wallet_id, asset, type, status, amount, operation,
       created_at) values ${rows
         .map(
           ([leg, wallet, type]) =>
             `('${group}', ${leg}, '${wallet}', 'USD', '${type}', '${of}',
               ${type === 'DEBIT' ? '-5' : '5'}, 'attack', clock_timestamp())`,
         )
         .join(', ')}`;

it.each(['SETTLED', 'RELEASED', 'CANCELLED'])(
  'rows that are %s name the wallets of their legs, and no other',
  async (status) => {
    const { a, b, group } = await heldPair(db, '5');
    const [first, second] = status === 'SETTLED' ? ['DEBIT', 'CREDIT'] : ['CREDIT', 'DEBIT'];
    const swapped = asAStep(
      group,
      [
        [1, b, first!],
        [2, a, second!],
      ],
      status,
    );
    for (const pool of [db, owner]) expect(await stateOf(pool, swapped)).toBe('HF002');
  },
);

it('what is not held stays refused to a session that plays a replica', async () => {
  const { a, group } = await heldPair(db, '5');
  const settled = asAStep(group, [[1, a, 'DEBIT']], 'SETTLED');
  const sql = `set local session_replication_role = replica; ${settled}`;
  expect(await stateOf(owner, sql)).toBe('HF002');
});

it.each(['SETTLED', 'RELEASED', 'CANCELLED'])(
  'a group is not %s with a leg held',
  async (status) => {
    const { group } = await heldPair(db, '5');
    const sql = `update transfer_groups
    set status = '${status}', finished_at = now(), xid = pg_current_xact_id()
    where id = '${group}'`;
    for (const pool of [db, owner]) expect(await stateOf(pool, sql)).toBe('HF003');
  },
);

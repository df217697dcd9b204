/** What only a database can be asked: attacks beside those of `test/ledger`, and long sums. */
import { expect, test } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { textOf } from '../properties/books.ts';
import type { Result } from './driver.ts';
import { onLedger } from './ledgerDriver.ts';
import { available, createWallets, done, move, rows, tell } from './story.ts';

const on = onLedger();

/** How a script ended: the SQLSTATE, or null where nothing stopped it. */
async function stoppedBy(pool: Pool, script: string): Promise<string | null> {
  const client = await pool.connect();
  try {
    await client.query(`begin; ${script}; commit`);
    return null;
  } catch (error) {
    await client.query('rollback');
    return (error as { code?: string }).code ?? String(error);
  } finally {
    client.release();
  }
}

test('the service cannot take away what holds it', async () => {
  const scripts = [
    'alter table ledger_entries disable trigger all',
    'alter table ledger_entries disable trigger ledger_entries_stay',
    'drop trigger ledger_entries_stay on ledger_entries',
    'drop table ledger_entries cascade',
    'alter table wallet_balances drop constraint available_not_negative',
    'grant update on ledger_entries to holdfast_app; update ledger_entries set amount = 0',
    "create or replace function rfc3339(p timestamptz) returns text language sql as ''",
    'create rule r as on delete to ledger_entries do instead nothing',
    'set session_replication_role = replica',
    'update ledger_entries set amount = 0 where false',
    `insert into ledger_entries default values
       on conflict on constraint ledger_entries_once do update set amount = 0`,
    'delete from operations',
    'truncate operations',
    'update transfer_groups set kind = kind',
    'update transfer_legs set wallet_id = wallet_id',
    'delete from schema_migrations',
  ];
  for (const script of scripts) {
    expect(await stoppedBy(on.db.pool, script), script).toBe('42501');
  }
});

test('entries outlive every way that SQL has to change or remove them', async () => {
  const [wallet, other] = await createWallets(on, ['10', '0']);
  const { id } = done(await on.transfer(move(wallet, other, '10')));
  const before = await rows(on, id);
  const scripts = [
    `merge into ledger_entries e using (select 1) on e.group_id = '${id}'
       when matched then update set amount = 0`,
    `merge into ledger_entries e using (select 1) on e.group_id = '${id}'
       when matched then delete`,
    `with gone as (delete from ledger_entries where group_id = '${id}' returning *)
       select count(*) from gone`,
    `insert into ledger_entries overriding system value
       select * from ledger_entries where group_id = '${id}' limit 1
       on conflict on constraint ledger_entries_once do update set amount = 0`,
    'truncate ledger_entries restart identity cascade',
    'set local session_replication_role = replica; delete from ledger_entries',
    'set local session_replication_role = replica; truncate ledger_entries',
  ];
  for (const script of scripts) {
    expect(await stoppedBy(on.db.owner, script), script).toBe('HF001');
  }
  expect(await rows(on, id)).toEqual(before);
});

test('after 10,000 random operations not a cent has drifted', { timeout: 120_000 }, async () => {
  const OPERATIONS = 10_000;
  const LANES = 8;
  const wallets = await createWallets(on, ['1000', '1000', '1000', '1000', '1000', '0']);
  const cents = new Map(wallets.map((wallet, at) => [wallet, at < 5 ? 100_000n : 0n]));
  let seed = 20_260_101;
  /** A generator of its own, so that a failure can be repeated (Numerical Recipes, LCG). */
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed % below;
  };
  const moved = (from: string, to: string, amount: bigint, { outcome }: Result) => {
    if (outcome !== 'done') return;
    cents.set(from, (cents.get(from) ?? 0n) - amount);
    cents.set(to, (cents.get(to) ?? 0n) + amount);
  };
  let left = OPERATIONS;
  const lane = async () => {
    while (left > 0) {
      const [from, to] = [wallets[random(6)]!, wallets[random(6)]!];
      const amount = BigInt(1 + random(9_999));
      const legs = move(from, to, textOf(amount));
      left -= 1;
      if (random(4) > 0) {
        moved(from, to, amount, await on.transfer(legs));
        continue;
      }
      const held = await on.hold(legs);
      if (held.outcome !== 'done') continue;
      const part = BigInt(1 + random(Number(amount)));
      const parts = [1, 2].map((leg) => ({ leg, amount: textOf(part) }));
      moved(from, to, part, await on.settle(done(held).id, { legs: parts }));
      left -= 1;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(await available(on, ...wallets)).toEqual([...cents.values()].map(textOf));
});

tell({}, on);

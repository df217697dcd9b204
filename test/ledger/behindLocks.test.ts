/** What a step decides, it decides behind its locks, and takes these in the order of all others. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import type { Db, Pool } from '../../src/db/pool.ts';
import { deleteLimit, putLimit } from '../../src/ledger/limits.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { settle } from '../../src/ledger/settle.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import { balanceAt } from '../../src/ledger/wallets.ts';
import {
  addAsset,
  codeOf,
  createWorld,
  credit,
  debit,
  done,
  heldPair,
  step,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
});

/** Runs `work` while a transaction of somebody else has done `sql`, and takes that back. */
async function beside(sql: string, work: (other: Db) => Promise<void>): Promise<void> {
  const other = await owner.connect();
  try {
    await other.query('begin');
    await other.query(sql);
    await work(other);
  } finally {
    await other.query('rollback');
    other.release();
  }
}

/** Until somebody in this database waits for a lock. */
async function somebodyWaits(): Promise<void> {
  const waiting = async () => {
    const { rows } = await owner.query(
      `select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`,
    );
    return rows.length;
  };
  await expect.poll(waiting, { timeout: 5_000 }).toBeGreaterThan(0);
}

it('a settlement that comes in time and gets its group too late is refused', async () => {
  const { group } = await heldPair(db, '10', 1);
  let answer: Promise<string> | undefined;
  await beside(`select from transfer_groups where id = '${group}' for update`, async (other) => {
    answer = codeOf(settle(db, { ...step('settle', group), legs: null, final: true }));
    await somebodyWaits();
    await other.query(
      `select pg_sleep_until(expires_at) from transfer_groups where id = '${group}'`,
    );
  });
  expect(await answer).toBe('GROUP_NOT_OPEN');
});

it('a step of system wallets has its number before its time, so that reads agree', async () => {
  await addAsset(db, { code: 'SYS', scale: 2 });
  // It stands where the first row is written, which is behind the look at the clock.
  await owner.query(`create function wait_for_test() returns trigger language plpgsql
    as $$ begin perform pg_advisory_xact_lock(7, 7); return null; end $$`);
  await owner.query(`create trigger wait_for_test before insert on transfer_groups
    for each statement execute function wait_for_test()`);
  const pay = () =>
    openTransfer(queue, {
      ...transferInput([debit('external:SYS', '1'), credit('fees:SYS', '1')], {
        settle: 'immediate',
      }),
      actor: { name: 'shop', admin: true },
    });
  const queue = queueSteps(db);
  let paid: Promise<unknown> | undefined;
  let early: ReturnType<typeof balanceAt> | undefined;
  await beside('select pg_advisory_xact_lock(7, 7)', async () => {
    // Steps that share a call.
    paid = Promise.all([done(pay()), done(pay())]);
    await somebodyWaits();
    early = balanceAt(db, 'fees:SYS', null);
    expect(await Promise.race([early, sleep(200, 'waits for them')])).toBe('waits for them');
  });
  await paid;
  await owner.query('drop trigger wait_for_test on transfer_groups');
  const first = await early;
  if (first === undefined || 'refusal' in first) throw new Error('no balance');
  expect(first.balance.settled).toBe('2');
  expect(await balanceAt(db, 'fees:SYS', first.balance.at)).toEqual(first);
});

it.each(['alone', 'in a call of many'])('a transfer %s waits for a limit first', async (how) => {
  const [a, b] = [await walletWith(db, '10'), await walletWith(db, '0')];
  const limit = { id: 'a-day', asset: 'USD', window: 'day' as const, amount: '100' };
  await putLimit(db, { ...limit, wallet: a, kinds: ['transfer'] });
  const pay = (by: Db) => {
    const legs = [debit(a, '1'), credit(b, '1')];
    return done(openTransfer(by, transferInput(legs, { settle: 'immediate' })));
  };
  const queue = queueSteps(db);
  let paid: Promise<unknown> | undefined;
  await beside('select from limits for update', async (other) => {
    paid = how === 'alone' ? pay(db) : Promise.all([pay(queue), pay(queue)]);
    await somebodyWaits();
    const wallets = `select from wallet_balances where wallet_id in ('${a}', '${b}')`;
    expect((await other.query(`${wallets} for update nowait`)).rowCount).toBe(2);
  });
  await paid;
  await deleteLimit(db, limit.id);
});

it('whichever way money goes, its wallets are locked in one order', async () => {
  const pair = [await walletWith(db, '100'), await walletWith(db, '100')].sort();
  const [low, high] = pair as [string, string];
  const queue = queueSteps(db);
  const held = async (from: string, to: string) => {
    const input = transferInput([debit(from, '1'), credit(to, '1')]);
    await done(openTransfer(db, input));
    return input.groupId;
  };
  const pay = (from: string, to: string, by: Db = db) => {
    const legs = [debit(from, '1'), credit(to, '1')];
    return done(openTransfer(by, transferInput(legs, { settle: 'immediate' })));
  };
  const inThree = (from: string, to: string) => {
    const legs = [debit(from, '2'), credit(to, '1'), credit(to, '1')];
    return done(openTransfer(db, transferInput(legs, { settle: 'immediate' })));
  };
  const end = async (from: string, to: string) => {
    const group = await held(from, to);
    return () => done(settle(db, { ...step('settle', group), legs: null, final: true }));
  };
  const ways: [string, () => Promise<unknown>][] = [];
  for (const [from, to] of [
    [low, high],
    [high, low],
  ] as const) {
    ways.push(['a pair', () => pay(from, to)]);
    ways.push(['three legs', () => inThree(from, to)]);
    ways.push(['its end', await end(from, to)]);
    ways.push(['a call of many', () => Promise.all([pay(from, to, queue), pay(from, to, queue)])]);
  }
  for (const [name, way] of ways) {
    let paid: Promise<unknown> | undefined;
    const lock = (id: string) => `select from wallet_balances where wallet_id = '${id}' for update`;
    await beside(lock(low), async (other) => {
      paid = way();
      await somebodyWaits();
      // Who waits for the first has none of the others.
      expect((await other.query(`${lock(high)} nowait`)).rowCount, name).toBe(1);
    });
    await paid;
  }
});

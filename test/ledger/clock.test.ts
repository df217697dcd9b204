/** A wallet's entries rise in time with their versions, also where the server's clock went back. */
import { beforeAll, expect, it } from 'vitest';
import type { Pool } from '../../src/db/pool.ts';
import { addLegs } from '../../src/ledger/addLegs.ts';
import { audit } from '../../src/ledger/audit.ts';
import { cancel } from '../../src/ledger/cancel.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { settle } from '../../src/ledger/settle.ts';
import { queueSteps } from '../../src/ledger/stepQueue.ts';
import {
  createWorld,
  credit,
  debit,
  done,
  hold,
  putIn,
  step,
  transferInput,
  walletWith,
} from './ledgerWorld.ts';

let db: Pool;
let owner: Pool;
let shared: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
  shared = queueSteps(db) as Pool;
});

const pair = (a: string, b: string) => [debit(a, '1'), credit(b, '1')];
const settleInput = (group: string) => ({ ...step('settle', group), legs: null, final: true });
const pay = (by: Pool, a: string, b: string, how: 'immediate' | 'manual') =>
  done(openTransfer(by, transferInput(pair(a, b), { settle: how })));

/** Each way in which a step is written: what is there before, then the step. */
const WAYS: Record<string, (a: string, b: string) => Promise<() => Promise<unknown>>> = {
  'a pair that settles at once': async (a, b) => () => pay(db, a, b, 'immediate'),
  'a pair that is held': async (a, b) => () => pay(db, a, b, 'manual'),
  'the end of a pair': async (a, b) => {
    const group = await hold(db, pair(a, b));
    return () => done(settle(db, settleInput(group)));
  },
  'a pair that is given back': async (a, b) => {
    const group = await hold(db, pair(a, b));
    return () => done(cancel(db, { ...step('cancel', group), reason: 'x' }));
  },
  'legs that are added': async (a, b) => {
    const group = await hold(db, []);
    return () => done(addLegs(db, { ...step('addLegs', group), legs: pair(a, b) }));
  },
  'a call of many': async (a, b) => {
    const group = await hold(db, pair(a, b));
    return () =>
      Promise.all([
        pay(shared, a, b, 'immediate'),
        pay(shared, a, b, 'manual'),
        done(settle(shared, settleInput(group))),
      ]);
  },
};

/** As if the newest entry had been written by a clock that was ahead. Answers its time. */
async function getAhead(wallet: string): Promise<string> {
  const { rows } = await owner.query(
    `update wallet_balances set updated_at = clock_timestamp() + interval '1 minute'
      where wallet_id = $1 returning updated_at::text as at`,
    [wallet],
  );
  return rows[0].at;
}

it.each(Object.keys(WAYS))('%s is no older than the newest entry', async (name) => {
  const [a, b] = [await walletWith(db, '10'), await walletWith(db, '10')];
  const act = await WAYS[name]!(a, b);
  const before = await owner.query('select coalesce(max(id), 0) as id from ledger_entries');
  const ahead = await getAhead(b);
  await act();
  const { rows } = await owner.query(
    `select count(*)::integer as all, count(*) filter (where created_at >= $2)::integer as later
      from ledger_entries where id > $1`,
    [before.rows[0].id, ahead],
  );
  expect(rows[0].all).toBeGreaterThan(0);
  expect(rows[0].later).toBe(rows[0].all);
  expect((await audit(db)).faults).toEqual([]);
});

it.each(['ledger_checkpoint(0)', 'ledger_snapshot()'])(
  'what %s writes down is no older than what is in it',
  async (writeDown) => {
    const wallet = await walletWith(db, '1');
    await getAhead(wallet);
    await putIn(db, wallet, '1');
    const isWritten = async () => {
      await db.query(`select ${writeDown}`);
      const { rows } = await owner.query(
        `select (select count(*) from ledger_entries where wallet_id = $1)
        = (select max(version) from balance_snapshots where wallet_id = $1) as all`,
        ['external:USD'],
      );
      return rows[0].all;
    };
    await expect.poll(isWritten, { timeout: 20_000 }).toBe(true);
    const { rows } = await owner.query(
      `select s.taken_at, e.created_at from balance_snapshots s
      join ledger_entries e on e.wallet_id = s.wallet_id and e.xid < s.folded_below
      where e.wallet_id = 'external:USD' and e.created_at > s.taken_at`,
    );
    expect(rows).toEqual([]);
  },
);

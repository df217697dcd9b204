/** A step in a transaction that waits for a word: it is there from then on, or never was. */
import { beforeAll, expect, it } from 'vitest';
import { holdTransaction } from '../../src/db/heldTransaction.ts';
import type { Db, Pool } from '../../src/db/pool.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import { amounts, createWorld, credit, debit, transferInput, walletWith } from './ledgerWorld.ts';

/** Longer than a busy machine stands still. */
const PATIENCE_MS = 20_000;

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
});

/** Somebody holds 4 of 10, in a transaction that waits. */
async function holdOf4(patienceMs = PATIENCE_MS) {
  const [from, to] = [await walletWith(db, '10'), await walletWith(db, '0')];
  const input = transferInput([debit(from, '4'), credit(to, '4')], { settle: 'manual' });
  const written = Promise.withResolvers<number>();
  const transaction = holdTransaction(
    () => db.connect(),
    async (own: Db) => {
      const outcome = await openTransfer(own, input);
      const { rows } = await own.query('select pg_backend_pid() as pid');
      written.resolve(rows[0].pid);
      return outcome;
    },
    patienceMs,
  );
  return {
    transaction,
    /** The server's process, once the hold is written. */
    written: written.promise,
    again: () => openTransfer(db, input),
    /** What who pays has available, pending and held. */
    there: () => amounts(db, from),
  };
}

const [UNTOUCHED, HELD] = [
  ['10', '0', '0'],
  ['6', '0', '4'],
];

it('is there once it is kept, and not before', async () => {
  const { transaction, written, there, again } = await holdOf4();
  await written;
  expect(await there()).toEqual(UNTOUCHED);
  expect(await transaction.keep()).toMatchObject({ outcome: 'done', replayed: false });
  expect(await there()).toEqual(HELD);
  transaction.drop();
  expect(await again()).toMatchObject({ outcome: 'done', replayed: true });
});

it('never was where it is dropped: the key is free, and so are the wallets', async () => {
  const { transaction, written, there, again } = await holdOf4();
  await written;
  transaction.drop();
  await expect(transaction.keep()).rejects.toThrow('rolled back');
  expect(await there()).toEqual(UNTOUCHED);
  expect(transaction.isLate).toBe(false);
  expect(await again()).toMatchObject({ outcome: 'done', replayed: false });
});

it('can be kept or dropped before it is written', async () => {
  const [kept, dropped] = [await holdOf4(), await holdOf4()];
  dropped.transaction.drop();
  expect(await kept.transaction.keep()).toMatchObject({ outcome: 'done' });
  await expect(dropped.transaction.keep()).rejects.toThrow('rolled back');
  expect([await kept.there(), await dropped.there()]).toEqual([HELD, UNTOUCHED]);
});

it('is dropped where no word comes in time', async () => {
  const { transaction, there, again } = await holdOf4(100);
  await expect.poll(() => transaction.isLate).toBe(true);
  expect(await again()).toMatchObject({ outcome: 'done', replayed: false });
  await expect(transaction.keep()).rejects.toThrow('rolled back');
  expect(await there()).toEqual(HELD);
});

it('keeps others waiting, and waits for them, no longer than it may', async () => {
  const bounds = async (own: Db) => {
    const { rows } = await own.query(`select current_setting('lock_timeout') as locks,
      current_setting('idle_in_transaction_session_timeout') as idle`);
    return rows[0];
  };
  // The latter is for a process that stands still and so cannot drop anything.
  expect(await holdTransaction(() => db.connect(), bounds, 70).keep()).toEqual({
    locks: '70ms',
    idle: '1s',
  });
  expect(await bounds(db)).toEqual({ locks: '5s', idle: '15s' });
});

it('is lost with its connection, and ends no process', async () => {
  const { transaction, written, there, again } = await holdOf4();
  await owner.query('select pg_terminate_backend($1)', [await written]);
  await expect(transaction.keep()).rejects.toThrow();
  expect(await there()).toEqual(UNTOUCHED);
  expect(await again()).toMatchObject({ outcome: 'done', replayed: false });
});

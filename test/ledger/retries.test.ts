/** Which of a server's errors a call is made again after, how often, and what they are told as. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createPool, type Pool } from '../../src/db/pool.ts';
import { isDatabaseAway, withRetry } from '../../src/db/sqlstate.ts';
import { createTestDatabase } from '../support/testDatabase.ts';
import { createWorld } from './ledgerWorld.ts';

/** The first try and two more. */
const MOST_TRIES = 3;

let db: Pool;
let owner: Pool;
beforeAll(async () => {
  ({ db, owner } = await createWorld());
  // A sequence goes on where its transaction is rolled back, so it counts the tries.
  await owner.query(`create sequence tries;
    grant usage on sequence tries to holdfast_app;
    create function fail_at_first(failures integer, code text) returns integer
      language plpgsql as $$
      declare try integer := nextval('tries');
      begin
        if try <= failures then raise exception using errcode = code; end if;
        return try;
      end $$`);
});

/** Fails so often with this code. The try that went well, or the error; and how many there were. */
async function failing(failures: number, code: string) {
  await owner.query('alter sequence tries restart');
  const call = () => db.query('select fail_at_first($1, $2) as try', [failures, code]);
  const answer = await withRetry(call).then(
    ({ rows }) => rows[0].try as number,
    (error: unknown) => error,
  );
  const { rows } = await owner.query('select last_value::integer as tries from tries');
  return { answer, tries: rows[0].tries as number };
}

describe('a call that may be repeated', () => {
  it.each([
    ['serialization_failure', '40001'],
    ['deadlock_detected', '40P01'],
    ['unique_violation', '23505'],
    ['lock_not_available', '55P03'],
    ['admin_shutdown', '57P01'],
    ['crash_shutdown', '57P02'],
    ['cannot_connect_now', '57P03'],
    ['too_many_connections', '53300'],
    ['connection_failure', '08006'],
  ])('is made three times after %s, and no more', async (_, code) => {
    expect(await failing(MOST_TRIES - 1, code)).toEqual({ answer: MOST_TRIES, tries: MOST_TRIES });
    const given = await failing(MOST_TRIES, code);
    expect(given).toMatchObject({ answer: { code }, tries: MOST_TRIES });
    // A key that is lost again and again is a bug of ours, and not a database to wait for.
    expect(isDatabaseAway(given.answer)).toBe(code !== '23505');
  });

  it.each([
    ['query_canceled', '57014', true],
    ['disk_full', '53100', true],
    ['out_of_memory', '53200', true],
    ['io_error', '58030', true],
    ['read_only_sql_transaction', '25006', true],
    ['check_violation', '23514', false],
    ['a broken promise of the books', 'HF001', false],
  ])('is made once after %s', async (_, code, isAway) => {
    const given = await failing(1, code);
    expect(given).toMatchObject({ answer: { code }, tries: 1 });
    expect(isDatabaseAway(given.answer)).toBe(isAway);
  });
});

it('is made again where the server had closed the idle connection it was sent on', async () => {
  const { url, owner: admin } = await createTestDatabase();
  const name = new URL(url).pathname.slice(1);
  await admin.query(`alter database ${name} set idle_session_timeout = '200ms'`);
  const idle = createPool({ databaseUrl: url, size: 1, applicationName: 'test' });
  await idle.query('select');
  // Nothing of what comes meanwhile is read before the next call is sent.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
  const { rows } = await withRetry(() => idle.query('select 1 as one'));
  expect(rows).toEqual([{ one: 1 }]);
  await idle.end();
});

/** Work in a transaction that stays open until it is known what becomes of it. */
import type { Connection, Db } from './pool.ts';

export interface HeldTransaction<Answer> {
  /**
   * Commits, at once where the work is done, and hands on what that answered.
   *
   * @throws where it failed or was dropped before, and nothing of it is there; or where the
   * connection was lost, and nobody knows
   */
  keep(): Promise<Answer>;
  /** Rolls back, unless it is kept already. */
  drop(): void;
  /** True where it was dropped by its own patience. */
  readonly isLate: boolean;
}

/** A process that stands still meanwhile holds the locks no longer than this, in milliseconds. */
const STANDSTILL_MS = 1_000;

/**
 * Begins at once. The work's locks are held until the word is said, so nobody may have to wait long
 * for them: after so many milliseconds it is dropped. Nor does it wait longer for those of others.
 *
 * @param connect a connection of its own, which it gives back
 */
export function holdTransaction<Answer>(
  connect: () => Promise<Connection>,
  work: (transaction: Db) => Promise<Answer>,
  patienceMs: number,
): HeldTransaction<Answer> {
  const begin =
    `begin; set local lock_timeout = ${patienceMs}; ` +
    `set local idle_in_transaction_session_timeout = ${STANDSTILL_MS}`;
  let said: Word | null = null;
  let isLate = false;
  let hear = (_: Word) => {};
  const say = (what: Word) => {
    if (said !== null) return;
    said = what;
    hear(what);
  };
  const patience = setTimeout(() => {
    isLate = said === null;
    say('drop');
  }, patienceMs);

  async function run(connection: Connection): Promise<Answer> {
    if (said === 'drop') throw new Dropped();
    await connection.query(begin);
    const answer = await work(connection);
    // Not by a promise of the word, which would be heard behind whatever this process does next.
    const { promise: end, resolve: finish } = Promise.withResolvers<{ command: string } | null>();
    hear = (word) => finish(word === 'keep' ? connection.query('commit') : null);
    if (said !== null) hear(said);
    const result = await end;
    // Null: dropped. Not COMMIT: what the server answers where a statement had failed unnoticed.
    if (result?.command !== 'COMMIT') throw new Dropped();
    return answer;
  }

  const ended = withConnection(connect, run).finally(() => clearTimeout(patience));
  // Who keeps it hears of it.
  ended.catch(() => {});
  return {
    keep() {
      say('keep');
      return ended;
    },
    drop: () => say('drop'),
    get isLate() {
      return isLate;
    },
  };
}

type Word = 'keep' | 'drop';

class Dropped extends Error {
  override readonly name = 'Dropped';
  override readonly message = 'The transaction was rolled back.';
}

/** Gives the connection back with no transaction open, or not at all where it broke. */
async function withConnection<Answer>(
  connect: () => Promise<Connection>,
  run: (connection: Connection) => Promise<Answer>,
): Promise<Answer> {
  const connection = await connect();
  let fault: Error | undefined;
  // One that breaks while nothing is asked of it would end the process.
  const broken = (error: Error) => {
    fault = error;
  };
  connection.on('error', broken);
  try {
    return await run(connection);
  } catch (error) {
    await connection.query('rollback').catch(broken);
    throw error;
  } finally {
    connection.off('error', broken);
    connection.release(fault);
  }
}

/** Reads for who asks again anyway, such as a scrape of the metrics. */
import type { Db } from '../db/pool.ts';

/** Prometheus gives a scrape ten seconds by itself. */
const PATIENCE_MS = 4_000;

/**
 * The database, of which an answer is waited for some seconds only. A server that is frozen, or cut
 * off without a word, answers nothing, its own time-outs neither; then all else that the process
 * tells would wait with it. No more is asked of it while it owes such an answer.
 */
export function patientDb(db: Db, patienceMs = PATIENCE_MS): Db {
  let owed = 0;
  const asking = db as { query(...asked: unknown[]): Promise<unknown> };
  const query = async (...asked: unknown[]) => {
    if (owed > 0) throw new Error('The database still owes an answer.');
    let isLate = false;
    const answer = asking.query(...asked).finally(() => {
      if (isLate) owed -= 1;
    });
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      isLate = true;
      owed += 1;
      reject(new Error(`The database does not answer within ${patienceMs} ms.`));
    }, patienceMs);
    // What it says when nobody waits any more is nobody's.
    answer.catch(() => {});
    return Promise.race([answer, late]).finally(() => clearTimeout(timer));
  };
  return { query: query as unknown as Db['query'] };
}

/**
 * Steps that are asked for at the same time share a transaction. While a lane is busy, what comes
 * waits and then goes together; who comes alone goes at once, so nobody waits for company. What a
 * step does, answers and refuses is the same either way, and each is durable before it is told.
 */
import type { Db } from '../db/pool.ts';

/** Calls under way at once. Two: one computes while the other waits for its commit. */
const LANES = 1;
/** Most steps of one transaction: it holds the locks of all of them until it commits. */
const MOST_STEPS = 64;

/** How a step is called together with others of its kind. */
export interface SharedCall {
  /** The SQL function that takes many. */
  name: string;
  /** This step's element of each of its array arguments, in their order. */
  values: unknown[];
}

/** A database whose steps may share a transaction. */
export type StepDb = Db & { steps?: StepQueue };

export interface StepQueue {
  /**
   * The answer of one step out of a call that it may share, or of `alone` where nobody waits with
   * it, or where the shared call failed, which undid all of it.
   *
   * @throws what `alone` throws
   */
  answer<Answer>(call: SharedCall, alone: () => Promise<Answer>): Promise<Answer>;
}

interface Waiting {
  values: unknown[];
  alone: () => Promise<unknown>;
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
}

/** Gives a pool a queue of steps. Takes a connection a lane, beside what else the pool serves. */
export function queueSteps(pool: Db): StepDb {
  const waiting = new Map<string, Waiting[]>();
  let busy = 0;

  function next(): void {
    for (const [name, steps] of waiting) {
      if (busy === LANES) return;
      // Back to the end of the map with what is left: kinds of steps take turns.
      waiting.delete(name);
      const batch = steps.splice(0, MOST_STEPS);
      if (steps.length > 0) waiting.set(name, steps);
      busy += 1;
      void run(pool, name, batch).finally(() => {
        busy -= 1;
        next();
      });
    }
  }

  const answer: StepQueue['answer'] = (call, alone) =>
    new Promise((resolve, reject) => {
      const step = { values: call.values, alone, resolve: resolve as Waiting['resolve'], reject };
      const steps = waiting.get(call.name);
      if (steps) steps.push(step);
      else waiting.set(call.name, [step]);
      next();
    });
  return { query: pool.query.bind(pool), steps: { answer } };
}

/** Calls the function for all, or each alone. Never throws. */
async function run(db: Db, name: string, batch: Waiting[]): Promise<void> {
  const answers = batch.length > 1 ? await ask(db, name, batch).catch(() => []) : [];
  await Promise.all(
    batch.map(({ alone, resolve, reject }, index) =>
      answers[index] === undefined ? alone().then(resolve, reject) : resolve(answers[index]),
    ),
  );
}

async function ask(db: Db, name: string, batch: Waiting[]): Promise<unknown[]> {
  const columns = (batch[0]?.values ?? []).map((_, column) =>
    batch.map(({ values }) => values[column]),
  );
  const marks = columns.map((_, index) => `$${index + 1}`).join(', ');
  const text = `select ${name}(${marks}) as answer`;
  const { rows } = await db.query<{ answer: unknown }>({ name, text, values: columns });
  return rows.map(({ answer }) => answer);
}

/**
 * Steps that are asked for at the same time share a transaction. While one call is under way, what
 * comes waits and then goes together; who comes alone goes at once, so nobody waits for company.
 * What a step does, answers and refuses is the same either way, and each is durable before it is
 * told.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../db/pool.ts';

/**
 * How long the next call waits for the one before. Calls take a few milliseconds; one that takes
 * longer waits for a lock of somebody else, and only its own steps may have to.
 */
const PATIENCE_MS = 50;
/** Most steps of one transaction: it holds the locks of all of them until it commits. */
const MOST_STEPS = 64;

/** The kinds of steps that may go together, and how many arguments each has. */
const ARGUMENTS = { open: 15, settle: 6 };

/** A step's element of each array argument of its kind in `ledger_take_steps`. */
export interface SharedStep {
  kind: keyof typeof ARGUMENTS;
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
  answer<Answer>(step: SharedStep, alone: () => Promise<Answer>): Promise<Answer>;
}

interface Waiting {
  step: SharedStep;
  alone: () => Promise<unknown>;
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * Gives a pool a queue of steps. Mostly one call is under way at a time: two at once would wait for
 * each other's wallets, and measured no faster where they did not. Takes a connection a call,
 * beside what else the pool serves.
 */
export function queueSteps(pool: Db): StepDb {
  let waiting: Waiting[] = [];
  let busy = false;

  async function work(): Promise<void> {
    if (busy) return;
    busy = true;
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MOST_STEPS);
      waiting = waiting.slice(MOST_STEPS);
      await Promise.race([run(pool, batch), sleep(PATIENCE_MS, undefined, { ref: false })]);
    }
    busy = false;
  }

  const answer: StepQueue['answer'] = (step, alone) =>
    new Promise((resolve, reject) => {
      waiting.push({ step, alone, resolve: resolve as Waiting['resolve'], reject });
      void work();
    });
  return { query: pool.query.bind(pool), steps: { answer } };
}

/** Calls the function for all, or each alone. Never throws. */
async function run(db: Db, batch: Waiting[]): Promise<void> {
  const opens = batch.filter(({ step }) => step.kind === 'open');
  const settles = batch.filter(({ step }) => step.kind === 'settle');
  // In the order of the answers.
  const steps = [...opens, ...settles];
  const answers = steps.length > 1 ? await ask(db, opens, settles).catch(() => []) : [];
  await Promise.all(
    steps.map(({ alone, resolve, reject }, index) =>
      answers[index] === undefined ? alone().then(resolve, reject) : resolve(answers[index]),
    ),
  );
}

async function ask(db: Db, opens: Waiting[], settles: Waiting[]): Promise<unknown[]> {
  const values = [...columns('open', opens), ...columns('settle', settles)];
  const marks = values.map((_, index) => `$${index + 1}`).join(', ');
  const { rows } = await db.query<{ answer: unknown }>({
    name: 'ledger_take_steps',
    text: `select ledger_take_steps(${marks}) as answer`,
    values,
  });
  return rows.map(({ answer }) => answer);
}

/** The arrays of a kind: one element a step, none where there is none. */
function columns(kind: SharedStep['kind'], steps: Waiting[]): unknown[][] {
  return Array.from({ length: ARGUMENTS[kind] }, (_, column) =>
    steps.map(({ step }) => step.values[column]),
  );
}

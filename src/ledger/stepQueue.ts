/**
 * Many steps that are asked for at the same time share a transaction. While calls are under way,
 * what comes waits and then goes together; a few go at once, so nobody waits for company.
 * What a step does, answers and refuses is the same either way, and each is durable before it is
 * told.
 */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Db } from '../db/pool.ts';

/**
 * How long the next call waits for the one before. Calls take a few milliseconds; one that takes
 * longer waits for a lock of somebody else, and only its own steps may have to.
 */
const PATIENCE_MS = 50;
/** One works while the other waits for the disk; more share the fixed cost of a call less. */
const CALLS = 2;
/** Most steps of one transaction: it holds the locks of all of them until it commits. */
const MOST_STEPS = 64;
/**
 * While no more steps than these are under way, each goes alone: what a shared call costs to begin
 * with is what three steps cost, so two calls of two or three are slower than as many single ones.
 */
const FEW_STEPS = 6;

/** The kinds of steps that may go together, and how many arguments each has. */
const ARGUMENTS = { open: 15, settle: 6 };
/** Where the wallets of a step that opens stand among its values. */
const WALLETS = { from: 11, to: 13 };

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
 * Gives a pool a queue of steps. A call takes its share of all that is asked for, and leaves to the
 * next one what a call under way holds the wallets of: it would only wait for their locks. Takes a
 * connection a call, beside what else the pool serves.
 */
export function queueSteps(pool: Db): StepDb {
  let waiting: Waiting[] = [];
  let calls = 0;
  let underWay = 0;
  const locked = new Set<unknown>();

  function take(): Waiting[] {
    const share = Math.ceil((waiting.length + underWay) / CALLS);
    const batch = new Set<Waiting>();
    const wallets = new Set<unknown>();
    for (const one of waiting) {
      const own = walletsOf(one.step);
      if (batch.size === MOST_STEPS) break;
      if (own.some((id) => locked.has(id))) continue;
      // Beyond its share a call takes who would have to wait for it.
      if (batch.size >= share && !own.some((id) => wallets.has(id))) continue;
      batch.add(one);
      for (const id of own) wallets.add(id);
    }
    waiting = waiting.filter((one) => !batch.has(one));
    return [...batch];
  }

  /** Nobody else takes the wallets of what runs, for as long as that is worth waiting for. */
  async function occupy(steps: SharedStep[], run: () => Promise<unknown>): Promise<void> {
    const wallets = steps.flatMap(walletsOf);
    for (const id of wallets) locked.add(id);
    underWay += steps.length;
    const done = run().then(() => {
      underWay -= steps.length;
    });
    await Promise.race([done, sleep(PATIENCE_MS, undefined, { ref: false })]);
    for (const id of wallets) locked.delete(id);
  }

  async function work(): Promise<void> {
    if (calls >= CALLS) return;
    calls += 1;
    for (let batch = take(); batch.length > 0; batch = take()) {
      await occupy(
        batch.map(({ step }) => step),
        () => run(pool, batch),
      );
      // Who was answered now asks for more, and can go with the next call.
      await setImmediate();
      void work();
    }
    calls -= 1;
  }

  const answer: StepQueue['answer'] = (step, alone) =>
    new Promise((resolve, reject) => {
      const one = { step, alone, resolve: resolve as Waiting['resolve'], reject };
      const isFree = !walletsOf(step).some((id) => locked.has(id));
      if (waiting.length === 0 && underWay < FEW_STEPS && isFree) {
        void occupy([step], () => run(pool, [one])).then(work);
      } else {
        waiting.push(one);
        void work();
      }
    });
  return { query: pool.query.bind(pool), steps: { answer } };
}

/** The wallets that a step is known to lock: of one that settles only the database knows them. */
function walletsOf({ kind, values }: SharedStep): unknown[] {
  return kind === 'open' ? values.slice(WALLETS.from, WALLETS.to) : [];
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
  const { rows } = await db.query<{ answers: unknown[] }>({
    name: 'ledger_take_steps',
    text: `select ledger_take_steps(${marks}) as answers`,
    values,
  });
  return rows[0]?.answers ?? [];
}

/** The arrays of a kind: one element a step, none where there is none. */
function columns(kind: SharedStep['kind'], steps: Waiting[]): unknown[][] {
  return Array.from({ length: ARGUMENTS[kind] }, (_, column) =>
    steps.map(({ step }) => step.values[column]),
  );
}

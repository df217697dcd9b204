/**
 * Many steps that are asked for at the same time share a transaction. While a call is under way,
 * what comes waits and then goes together; nobody waits for company. What a step does, answers and
 * refuses is the same either way, and each is durable before it is told.
 */
import { setImmediate } from 'node:timers/promises';
import type { Connection, Db } from '../db/pool.ts';
import { endOrPatience } from './crowd.ts';
import { createLargeSteps, type LargeSteps } from './largeSteps.ts';

/**
 * How long the next call waits for the one before. Calls take a few milliseconds; one that takes
 * longer waits for a lock of somebody else, and only its own steps may have to.
 */
const PATIENCE_MS = 20;
/**
 * From so many steps on two calls share them: one works while the other waits for the disk, which
 * on two cores is a tenth more for four tenths more processor time. Fewer go together in one, since
 * what a call costs to begin with is what two steps cost.
 */
const STEPS_OF_ONE_CALL = 32;
/** Most steps of one transaction: it holds the locks of all of them until it commits. */
const MOST_STEPS = 64;

/** What every step has: its group, its key, who asks, and the request. */
const STEP_ARGUMENTS = 4;
/** The kinds of steps that may go together, and how many arguments of its own each has. */
const ARGUMENTS = { open: 11, settle: 2 };
/** Where the wallets of a step that opens stand among those. */
const WALLETS = { from: 7, to: 9 };

/** A step's element of each array argument of `ledger_take_steps`. */
export interface SharedStep {
  kind: keyof typeof ARGUMENTS;
  common: unknown[];
  values: unknown[];
}

/** A database whose steps may share a transaction. */
export type StepDb = Db & {
  steps?: StepQueue;
  /** A connection for a transaction that stays open; none where there is no pool behind it. */
  connect?: () => Promise<Connection>;
};

export interface StepQueue {
  /**
   * The answer of one step out of a call that it may share, or of `alone` where nobody waits with
   * it, or where the shared call failed, which undid all of it.
   *
   * @throws what `alone` throws
   */
  answer<Answer>(step: SharedStep, alone: () => Promise<Answer>): Promise<Answer>;
  /** For steps of many legs, which share no call. */
  large: LargeSteps;
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
export function queueSteps(
  pool: Db & Pick<StepDb, 'connect'>,
  large: LargeSteps = createLargeSteps(),
): StepDb {
  let waiting: Waiting[] = [];
  let calls = 0;
  let underWay = 0;
  const locked = new Set<unknown>();

  function most(): number {
    return waiting.length + underWay > STEPS_OF_ONE_CALL ? 2 : 1;
  }

  function take(): Waiting[] {
    const share = Math.ceil((waiting.length + underWay) / most());
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
    const work = run().then(() => {
      underWay -= steps.length;
    });
    await endOrPatience(work, PATIENCE_MS);
    for (const id of wallets) locked.delete(id);
  }

  async function work(): Promise<void> {
    if (calls >= most()) return;
    calls += 1;
    // Who asks in the same tick goes with the first. Callers that then hold together also settle
    // together, and a call of steps of one kind has fewer statements to begin.
    await undefined;
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
      waiting.push({ step, alone, resolve: resolve as Waiting['resolve'], reject });
      void work();
    });
  const connect = pool.connect?.bind(pool);
  return { query: pool.query.bind(pool), steps: { answer, large }, ...(connect && { connect }) };
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
  const steps = [...opens, ...settles].map(({ step }) => step.common);
  const values = [
    ...columns(STEP_ARGUMENTS, steps),
    ...columns(ARGUMENTS.open, opens.map(valuesOf)),
    ...columns(ARGUMENTS.settle, settles.map(valuesOf)),
  ];
  const marks = values.map((_, index) => `$${index + 1}`).join(', ');
  const { rows } = await db.query<{ answers: string }>({
    name: 'ledger_take_steps',
    text: `select ledger_take_steps(${marks}) as answers`,
    values,
  });
  return JSON.parse(rows[0]?.answers ?? '[]');
}

const valuesOf = ({ step }: Waiting) => step.values;

/** So many arrays, of one element a row. */
function columns(count: number, rows: unknown[][]): unknown[][] {
  return Array.from({ length: count }, (_, column) => rows.map((row) => row[column]));
}

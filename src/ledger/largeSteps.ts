/**
 * Steps of many legs, two at a time. Each locks its wallets until it commits, and two of them
 * nearly always meet in some: twenty at once wait for each other in chains, wake each other up, and
 * get less done than two (`npm run bench peer`, where `a call a step` goes without turns).
 */
import { endOrPatience, inTurns } from './crowd.ts';

/** From so many legs on a step takes its turn, and what settles them all. */
export const LARGE_LEGS = 50;
/** Of how many groups it is kept that they are large: far more than wait to be settled at once. */
const MOST_KNOWN = 10_000;
/** How many at once; what one waits for, such as the disk, the others use. */
const AT_ONCE = 2;
/** One that takes longer waits for a lock of somebody else, which the others may not need. */
const PATIENCE_MS = 1_000;

/** Runs what it is given when its turn comes; answers and throws as that does. */
export type Turns = <T>(run: () => Promise<T>) => Promise<T>;

/** None is taken yet. `patienceMs` is for how long one keeps its turn from the others. */
export function createTurns(atOnce = AT_ONCE, patienceMs = PATIENCE_MS): Turns {
  const inTurn = inTurns(atOnce);
  return (run) =>
    new Promise((resolve, reject) => {
      void inTurn(async () => {
        const work = run();
        work.then(resolve, reject);
        await endOrPatience(work, patienceMs);
      });
    });
}

/** Whether a step of a group, which writes so many legs where that is known, takes its turn. */
export type IsLarge = (groupId: string, legs?: number) => boolean;

/**
 * A step that names no legs is large where its group is: of the latest so many that this process
 * wrote at once. It would else keep all that share its call waiting, and meet who takes turns.
 */
export function knowLargeGroups(most = MOST_KNOWN): IsLarge {
  const known = new Set<string>();
  return (groupId, legs = 0) => {
    if (legs >= LARGE_LEGS) {
      known.add(groupId);
      const [oldest] = known;
      if (known.size > most && oldest !== undefined) known.delete(oldest);
    }
    return known.has(groupId);
  };
}

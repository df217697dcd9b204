/**
 * Steps of many legs, two at a time. Each locks its wallets until it commits, and two of them
 * nearly always meet in some: twenty at once wait for each other in chains, wake each other up, and
 * get less done than two (`npm run bench peer`, where `a call a step` goes without turns).
 */
import { endOrPatience, inTurns } from './crowd.ts';

/** From so many legs on a step takes its turn. */
export const LARGE_LEGS = 50;
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

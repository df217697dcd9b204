/**
 * Steps of many legs, two at a time. Each locks its wallets until it commits, and two of them
 * nearly always meet in some: twenty at once wait for each other in chains, wake each other up, and
 * get less done than two (`npm run bench peer`, where `a call a step` goes without turns).
 */

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
  let free = atOnce;
  const line: (() => void)[] = [];

  /** Gives a turn back, once. */
  function leaving(): () => void {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const next = line.shift();
      if (next) next();
      else free += 1;
    };
  }

  return async (run) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => line.push(resolve));
    const leave = leaving();
    const timer = setTimeout(leave, patienceMs).unref();
    try {
      return await run();
    } finally {
      clearTimeout(timer);
      leave();
    }
  };
}

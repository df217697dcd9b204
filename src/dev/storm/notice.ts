/** Storms over a service that is broken on purpose, until one of them says so. */
import type { Broken } from './broken.ts';
import { runStorm } from './run.ts';
import type { StormServers } from './world.ts';

/** What meets what is chance, so a few storms may pass before one notices. */
export const MOST_STORMS = 4;
/** What is broken happens at once, and so much of the rest after it. */
const MORE_OPERATIONS = 15;
/** Before anything: see `run.ts`. */
const OPENING_OPERATIONS = 3;

/**
 * @param tell hears how each storm ended
 * @returns what the storm noticed, in its own words; null: nothing
 */
export async function stormsUntilNoticed(
  servers: StormServers,
  broken: Broken,
  tell: (line: string) => void,
): Promise<string | null> {
  const operations = OPENING_OPERATIONS + broken.opening.length + MORE_OPERATIONS;
  let seed = 0;
  for (let storms = 0; storms < MOST_STORMS; storms++) {
    do seed += 1;
    while (!broken.isIn(seed));
    const options = { seed, seconds: null, operations, broken };
    const { differences } = await runStorm(servers, options);
    const found = differences.find((each) => broken.noticed.test(each));
    tell(`seed ${seed}: ${found ?? ['not noticed', ...differences].join('; ')}`);
    if (found !== undefined) return found;
  }
  return null;
}

/**
 * Properties that are tried for a while: once at least, whatever neighbours on the same server
 * hold up meanwhile, then until the time is over.
 *
 * HOLDFAST_SEED repeats a run; HOLDFAST_PROPERTY_SECONDS lets each property run longer than the
 * seconds that `npm test` gives it.
 */
import fc from 'fast-check';

const seed = Number(process.env.HOLDFAST_SEED ?? Date.now() % 2 ** 31);
const seconds = Number(process.env.HOLDFAST_PROPERTY_SECONDS ?? 7);

/** What a test of a property is given: shrinking a failure takes its own time. */
export const patience = { timeout: seconds * 1_000 + 120_000 };

/**
 * Tries the property until the time is over. Each run has a seed of its own, which is the one that
 * a failure names, so a repetition begins with the run that failed.
 */
export async function tryForAWhile(property: fc.IAsyncProperty<unknown>): Promise<void> {
  process.stdout.write(`HOLDFAST_SEED=${seed}\n`);
  const until = performance.now() + seconds * 1_000;
  for (let run = 0; run === 0 || performance.now() < until; run += 1) {
    await fc.assert(property, { seed: seed + run, numRuns: 1 });
  }
}

/** Figures of interleaved rounds. */

/** The middle of what the rounds gave, and the ends, or the quartiles where rounds are many. */
export interface Spread {
  median: number;
  low: number;
  high: number;
  rounds: number;
}

/** The middle of the values, or the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** From so many rounds on the ends say only how odd the oddest was. */
const MANY_ROUNDS = 8;

export function spreadOf(values: number[]): Spread {
  const [from, to] = values.length < MANY_ROUNDS ? [0, 1] : [0.25, 0.75];
  const [low, high] = [quantile(values, from), quantile(values, to)];
  return { median: median(values), low, high, rounds: values.length };
}

/** The value that `share` of all are not above. */
export function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}

/**
 * How many operations a second a number of callers get through, each with one under way.
 *
 * @param operations one a caller
 */
export async function perSecond(
  operations: (() => Promise<void>)[],
  seconds: number,
): Promise<number> {
  let done = 0;
  const begun = performance.now();
  const until = begun + seconds * 1000;
  await Promise.all(
    operations.map(async (operation) => {
      while (performance.now() < until) {
        await operation();
        done += 1;
      }
    }),
  );
  return (done * 1000) / (performance.now() - begun);
}

/** Figures of interleaved rounds. */

/** The middle of the values, or the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

/** Rates as `median (lowest to highest)`, whole numbers. */
export function spread(rates: number[]): string {
  const [low, high] = [Math.min(...rates), Math.max(...rates)];
  return `${median(rates).toFixed(0).padStart(6)} (${low.toFixed(0)} to ${high.toFixed(0)})`;
}

/** Prints the rounds of `bench/saga.ts`. */

/** One round of one contender; times in milliseconds, from the start of a saga. */
export interface Round {
  perSecond: number;
  heldMs: number[];
  doneMs: number[];
}

/**
 * A line for each contender: rate, median of the rounds and their spread; what a caller waits. Then
 * the first one's rate against each of the others, round by round.
 */
export function printRounds(title: string, unit: string, names: string[], runs: Round[][]): void {
  console.log(`\n${title}, ${runs[0]?.length} rounds in turns`);
  for (const [index, name] of names.entries()) {
    const rounds = runs[index] ?? [];
    const held = rounds.flatMap(({ heldMs }) => heldMs);
    const waits = [`start→settled ${quantiles(rounds.flatMap(({ doneMs }) => doneMs))}`];
    if (held.length > 0) waits.unshift(`start→held ${quantiles(held)}`);
    console.log(`  ${rate(name, rounds, unit)}  ${waits.join('  ')}`);
  }
  const [first = [], ...others] = runs;
  for (const [index, floor] of others.entries()) {
    // Of neighbouring rounds: the median of these forgives a slow minute.
    const ratios = first.map((round, at) => round.perSecond / (floor[at]?.perSecond ?? 1));
    console.log(`  ${names[0]} / ${names[index + 1]} ${spreadOf(ratios, 2)}`);
  }
}

function rate(name: string, rounds: Round[], unit: string): string {
  const rates = rounds.map(({ perSecond }) => perSecond);
  return `${name.padEnd(7)}${spreadOf(rates, 0)} ${unit}`;
}

/** Median, least and most. */
function spreadOf(values: number[], decimals: number): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const middle = median(values).toFixed(decimals);
  return `${middle} (${low.toFixed(decimals)} to ${high.toFixed(decimals)})`;
}

function quantiles(times: number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return `p50 ${at(0.5).toFixed(1)} p99 ${at(0.99).toFixed(1)} ms`;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = 0, high = 0] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}

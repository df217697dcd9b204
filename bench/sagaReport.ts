/** Prints the rounds of `bench/saga.ts`. */
import { median } from './rounds.ts';

/** One round of one contender; times in milliseconds. */
export interface Round {
  perSecond: number;
  heldMs: number[];
  doneMs: number[];
}

/** Two-phase sagas: start, hold, settle. */
export function printTwoPhase(concurrency: number, empty: Round[], ledger: Round[]): void {
  console.log(`\nstart, hold, settle; ${concurrency} at once, ${empty.length} rounds in turns`);
  for (const [name, rounds] of [
    ['empty', empty],
    ['ledger', ledger],
  ] as const) {
    const held = quantiles(rounds.flatMap(({ heldMs }) => heldMs));
    const settled = quantiles(rounds.flatMap(({ doneMs }) => doneMs));
    console.log(`  ${rate(name, rounds, 'sagas/s')}  start→held ${held}  start→settled ${settled}`);
  }
  printRatio(empty, ledger);
}

/** Immediate transfers: one step. */
export function printTransfers(concurrency: number, empty: Round[], ledger: Round[]): void {
  console.log(`\nimmediate transfers; ${concurrency} at once, ${empty.length} rounds in turns`);
  for (const [name, rounds] of [
    ['empty', empty],
    ['ledger', ledger],
  ] as const) {
    const done = quantiles(rounds.flatMap(({ doneMs }) => doneMs));
    console.log(`  ${rate(name, rounds, 'transfers/s')}  start→settled ${done}`);
  }
  printRatio(empty, ledger);
}

/** The ratio of each pair of neighbouring rounds; the median of these forgives a slow minute. */
function printRatio(empty: Round[], ledger: Round[]): void {
  const ratios = ledger.map((round, index) => round.perSecond / (empty[index]?.perSecond ?? 1));
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  console.log(
    `  ledger / empty ${median(ratios).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`,
  );
}

function rate(name: string, rounds: Round[], unit: string): string {
  const rates = rounds.map(({ perSecond }) => perSecond);
  const [low, high] = [Math.min(...rates), Math.max(...rates)];
  const spread = `${low.toFixed(0)} to ${high.toFixed(0)}`;
  return `${name.padEnd(7)}${median(rates).toFixed(0).padStart(5)} ${unit} (${spread})`;
}

function quantiles(times: number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return `p50 ${at(0.5).toFixed(1)} p99 ${at(0.99).toFixed(1)} ms`;
}

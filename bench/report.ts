/** What a bench found out, in the one shape that is printed, written as JSON, put on the page. */
import { type Spread, spreadOf } from './rounds.ts';

/** One contender in one setting. */
export interface Row {
  name: string;
  /** Of every figure in `rounds`: `pairs/s`, `bytes`, `ms`. */
  unit: string;
  /** One figure a round; a figure that does not vary stands alone. */
  rounds: number[];
  /** Its rate against another's, round by round of neighbours: a slow minute hits both. */
  ratios?: Record<string, number[]>;
  /** What else was seen, by name and unit: `start→held p50 ms`. */
  more?: Record<string, number>;
}

export interface Section {
  title: string;
  rows: Row[];
}

/** What a bench measured, when and how. */
export interface BenchReport {
  date: string;
  machine: string;
  command: string;
  sections: { title: string; rows: Figures[] }[];
}

/** By the name of the bench. */
export type Report = Record<string, BenchReport>;

/**
 * Called with each section as soon as it is complete, and of a long one as it grows: under the same
 * title it takes the place of what was told before.
 */
export type Tell = (section: Section) => void;

/** A row with its rounds summed up: what JSON and the page have. */
export interface Figures {
  name: string;
  unit: string;
  value: Spread;
  ratios: Record<string, Spread>;
  more: Record<string, number>;
}

/** Sums a row's rounds up. */
export function figuresOf({ name, unit, rounds, ratios = {}, more = {} }: Row): Figures {
  const each = Object.entries(ratios).map(([of, values]) => [of, spreadOf(values)] as const);
  return { name, unit, value: spreadOf(rounds), ratios: Object.fromEntries(each), more };
}

/** The rows' ratios to the first of them, which is the floor. */
export function againstFirst(rows: Row[]): Row[] {
  const [floor, ...others] = rows;
  if (!floor) return [];
  const against = (row: Row): Row => {
    const ratios = row.rounds.map((figure, round) => figure / (floor.rounds[round] ?? Number.NaN));
    return { ...row, ratios: { ...row.ratios, [floor.name]: ratios } };
  };
  return [floor, ...others.map(against)];
}

/** A section for people at a terminal. */
export function textOf({ title, rows }: Section): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map((row) => {
    const { name, unit, value, ratios, more } = figuresOf(row);
    const parts = [`${name.padEnd(width)}  ${spreadText(value)} ${unit}`];
    for (const [of, ratio] of Object.entries(ratios)) parts.push(`${ratioText(ratio)} of ${of}`);
    for (const [what, figure] of Object.entries(more)) parts.push(`${what} ${numberText(figure)}`);
    return `  ${parts.join('; ')}`;
  });
  return [`\n${title}`, ...lines].join('\n');
}

/** `216 (189 to 309)`; the figure alone where there was one round. */
export function spreadText({ median, low, high, rounds }: Spread): string {
  const range = ` (${numberText(low)} to ${numberText(high)})`;
  return numberText(median) + (rounds > 1 ? range : '');
}

/** `0.44 (0.36 to 0.73)`. */
export function ratioText({ median, low, high, rounds }: Spread): string {
  const range = ` (${low.toFixed(2)} to ${high.toFixed(2)})`;
  return median.toFixed(2) + (rounds > 1 ? range : '');
}

/** As many digits as such a measurement is good for. */
export function numberText(figure: number): string {
  if (Math.abs(figure) >= 100 || Number.isInteger(figure)) return figure.toFixed(0);
  return figure.toFixed(Math.abs(figure) >= 10 ? 1 : 2);
}

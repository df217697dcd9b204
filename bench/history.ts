/**
 * `npm run bench history`: rows and pages that the database reads for each sort of work, after a
 * short history of all sorts and after a long one. Counts and no times, so a busy machine is no
 * excuse: what is read twice as often after a history twice as long stands still one day.
 *
 *   --short N  of how many of each sort the short history is (default 100)
 *   --long N   and the long one (default 500)
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type ChainStack, onChain } from './chainStack.ts';
import { customers } from './depositors.ts';
import { type Work, worksOf } from './historyWorks.ts';
import type { Row, Tell } from './report.ts';
import { inAll, type Reads, readsBetween, type TableReads, tableReads } from './tableReads.ts';

/** Of each sort for one measurement. */
const SOME = 8;
const ADDRESSES = 40;
/** Of a table, per operation; fewer are noise. */
const WORTH_TELLING = 2;
const MOST_TOLD = 3;
const REST_MS = 20_000;

/** By the name of the work. */
type Measured = Map<string, TableReads>;

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      short: { type: 'string', default: '100' },
      long: { type: 'string', default: '500' },
    },
  });
  const [short, long] = [Number(values.short), Number(values.long)];
  if (!(short > 0 && long > short)) throw new Error('--long N must be more than --short N.');
  await onChain((stack) => measure(stack, { short, long }, tell), { batches: true });
}

async function measure(
  stack: ChainStack,
  { short, long }: { short: number; long: number },
  tell: Tell,
): Promise<void> {
  const addresses = await customers(stack, 'ETH', ADDRESSES);
  const { url } = await stack.start('service', ['api', 'worker', 'watcher']);
  const works = await worksOf(stack, url, addresses);
  await pass(works, short);
  const early = await readsOf(stack, works);
  await pass(works, long - short);
  const late = await readsOf(stack, works);
  for (const what of ['rows', 'pages'] as const) {
    const rows = [...late.keys()].map((name) => rowOf(name, what, [early, late], short));
    tell({ title: `${what} that the database reads after ${long} of each sort`, rows });
  }
}

function rowOf(
  name: string,
  what: keyof Reads,
  [early, late]: [Measured, Measured],
  short: number,
): Row {
  const before = early.get(name) ?? new Map<string, Reads>();
  const after = late.get(name) ?? new Map<string, Reads>();
  const [from, to] = [inAll(before)[what], inAll(after)[what]];
  const more = Object.fromEntries(grown(before, after, what));
  return { name, unit: what, rounds: [to], ratios: { [`after ${short}`]: [to / from] }, more };
}

/** The tables that are read more of, the most first, and by how much. */
function grown(early: TableReads, late: TableReads, what: keyof Reads): [string, number][] {
  return [...late]
    .map(([name, reads]) => [name, reads[what] - (early.get(name)?.[what] ?? 0)] as const)
    .filter(([, more]) => more >= WORTH_TELLING)
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_TOLD)
    .map(([name, more]) => [`more of ${name}`, more]);
}

async function pass(works: Work[], count: number): Promise<void> {
  for (const { name, run: work } of works) {
    console.error(`${count} × ${name} …`);
    await work(count);
  }
}

/** What one of each sort reads, and a second in which nothing is asked for. */
async function readsOf({ db }: ChainStack, works: Work[]): Promise<Measured> {
  const all: Measured = new Map();
  let begun = performance.now();
  let before = await tableReads(db);
  const since = async (count: (seconds: number) => number, idle?: TableReads) => {
    const after = await tableReads(db);
    const seconds = (performance.now() - begun) / 1000;
    const rest = idle && { reads: idle, times: seconds };
    const reads = readsBetween([before, after], count(seconds), rest);
    [before, begun] = [after, performance.now()];
    return reads;
  };
  await sleep(REST_MS);
  const idle = await since((seconds) => seconds);
  all.set('a second of rest', idle);
  for (const { name, run: work } of works) {
    await work(SOME);
    all.set(name, await since(() => SOME, idle));
  }
  return all;
}

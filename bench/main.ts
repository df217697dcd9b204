/**
 * `npm run bench [name] [-- options]`: one bench a file, each with its floor in the same run.
 * Without a name all of them run, one after the other.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { run as batch } from './batch.ts';
import { run as collections } from './collections.ts';
import { run as deposits } from './deposits.ts';
import { run as expiries } from './expiries.ts';
import { run as growth } from './growth.ts';
import { run as history } from './history.ts';
import { run as ledger } from './ledger.ts';
import { machine } from './machine.ts';
import { run as open } from './open.ts';
import { pageOf } from './page.ts';
import { run as payout } from './payout.ts';
import { run as peer } from './peer.ts';
import { run as reconcile } from './reconcile.ts';
import { run as reorgs } from './reorgs.ts';
import { type BenchReport, figuresOf, type Report, type Tell, textOf } from './report.ts';
import { run as saga } from './saga.ts';
import { run as seals } from './seals.ts';
import { run as storage } from './storage.ts';
import { run as watcher } from './watcher.ts';
import { run as withdrawals } from './withdrawals.ts';
import { run as workers } from './workers.ts';

type Run = (args: string[], tell: Tell) => Promise<void>;

const BENCHES: Record<string, { about: string; run: Run }> = {
  ledger: {
    about: 'pairs of hold and settle and immediate transfers a second, bytes of each',
    run: ledger,
  },
  peer: {
    about: 'the ledger beside pgledger, of which --pgledger names a checkout',
    run: peer,
  },
  storage: {
    about: 'bytes and look-ups of each index, updates on their page by fill factor',
    run: storage,
  },
  saga: {
    about: 'sagas a second, how long a caller waits, processor time of each process',
    run: saga,
  },
  growth: {
    about: 'what an operation and a read cost in an empty ledger and in a large one',
    run: growth,
  },
  history: {
    about: 'rows and pages read for each sort of work, after a short history and a long one',
    run: history,
  },
  seals: {
    about: 'entries sealed and verified a second, and what steps lose by it',
    run: seals,
  },
  open: {
    about: 'memory, acts, lists, sweeper and restart with many groups that wait',
    run: open,
  },
  workers: {
    about: 'sagas a second with one, two and four processes that run them',
    run: workers,
  },
  payout: {
    about: 'lines a second of a long list, and of the same payments one by one',
    run: payout,
  },
  batch: {
    about: 'gas and transactions of a withdrawal that is paid alone, and in a batch',
    run: batch,
  },
  collections: {
    about: 'tokens on many deposit addresses until all lie in the hot wallet',
    run: collections,
  },
  expiries: {
    about: 'many holds that run into one deadline, and who else waits meanwhile',
    run: expiries,
  },
  deposits: {
    about: 'many deposits at once, until each customer has the money',
    run: deposits,
  },
  withdrawals: {
    about: 'many withdrawals at once to a chain, until each is signed, sent and final',
    run: withdrawals,
  },
  reorgs: {
    about: 'many credited deposits whose blocks are dropped, until each is reversed',
    run: reorgs,
  },
  reconcile: {
    about: 'the books against the chain with coins on many deposit addresses',
    run: reconcile,
  },
  watcher: {
    about: 'blocks a second while the watcher catches up, and that none is left out',
    run: watcher,
  },
};

const HELP = `npm run bench [name] [-- options]

${Object.entries(BENCHES)
  .map(([name, { about }]) => `  ${name.padEnd(11)} ${about}`)
  .join('\n')}

Without a name all of them run with their own defaults, a quarter of an hour or more.

  --json FILE  writes what was measured as JSON as well; what the file has of other benches stays
  --page FILE  writes it as a page in Markdown as well (docs/benchmarks.md), and what --json has
  Other options belong to one bench and stand at the head of its file: --rounds, --seconds, ...`;

await main(process.argv.slice(2));

async function main(args: string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(HELP);
    return;
  }
  const json = take(args, '--json');
  const page = take(args, '--page');
  const name = args[0]?.startsWith('--') ? undefined : args.shift();
  const bench = name === undefined ? undefined : BENCHES[name];
  if (name !== undefined && !bench) return refuse(`There is no bench called ${name}.`);
  if (!bench && args.length > 0) return refuse(`Name the bench that ${args[0]} is for.`);
  console.log(machine());
  const measured: Report = json && existsSync(json) ? JSON.parse(readFileSync(json, 'utf8')) : {};
  for (const [each, { run }] of Object.entries(bench ? { [name ?? '']: bench } : BENCHES)) {
    // With every section: a run of an hour that is killed has told what it had seen.
    await measure(each, run, args, (report) => {
      measured[each] = report;
      if (json) writeFileSync(json, `${JSON.stringify(measured, null, 2)}\n`);
    });
  }
  if (page) writeFileSync(page, pageOf(measured));
}

async function measure(
  name: string,
  run: Run,
  args: string[],
  save: (report: BenchReport) => void,
): Promise<void> {
  const options = args.length > 0 ? ` -- ${args.join(' ')}` : '';
  const sections = new Map<string, BenchReport['sections'][number]>();
  const [date, command] = [
    new Date().toISOString().slice(0, 10),
    `npm run bench ${name}${options}`,
  ];
  console.error(`${name} …`);
  await run(args, (section) => {
    const told = sections.get(section.title)?.rows.length ?? 0;
    sections.set(section.title, { title: section.title, rows: section.rows.map(figuresOf) });
    save({ date, machine: machine(), command, sections: [...sections.values()] });
    console.log(textOf({ ...section, rows: section.rows.slice(told) }));
  });
}

/** An option of this file with its value, out of the arguments of the bench. */
function take(args: string[], option: string): string | null {
  const at = args.indexOf(option);
  if (at < 0) return null;
  const [, value] = args.splice(at, 2);
  if (value === undefined) refuse(`${option} wants a file.`);
  return value ?? null;
}

function refuse(why: string): void {
  console.error(`${why}\n\n${HELP}`);
  process.exitCode = 2;
}

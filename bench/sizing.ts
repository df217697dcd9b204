/**
 * `node bench/sizing.ts bench.json > docs/sizing.md`: what to buy for how many sagas a second, out
 * of what `npm run bench ledger`, `saga` and `open` measured and wrote with `--json bench.json`.
 */
import { readFileSync } from 'node:fs';
import type { BenchReport, Figures, Report } from './report.ts';
import { numberText } from './report.ts';
import {
  ABOUT,
  ASSUMED,
  CONNECTIONS_OF_PROCESS,
  HEADROOM,
  LEAST_SHARDS,
  OPEN_SECONDS,
  RETENTION_DAYS,
} from './sizingAssumptions.ts';

/** Sagas a second, hold and settle each. */
const RATES = [10, 100, 1_000, 10_000];
const MEGABYTE = 2 ** 20;
const GIGABYTE = 2 ** 30;
const SECONDS_A_DAY = 86_400;

/** Rows that are nothing but what a bench measured, times the rate. */
const MEASURED = [
  'API and worker: cores',
  'Postgres of the ledger: cores',
  'Postgres of the ledger: log',
  'Temporal and its database: cores',
];

/** What the benches say; processor times in seconds a saga, memory and disk in bytes. */
interface Measured {
  /** Sagas a second that the bench's machine did with everything on it. */
  rate: number;
  service: number;
  postgres: number;
  temporal: number;
  /** What an act costs more on a saga that no process has in memory any more. */
  serviceReplay: number;
  temporalReplay: number;
  ledgerBytes: number;
  logBytes: number;
  temporalDiskBytes: number;
  serviceMemory: number;
  temporalMemory: number;
  temporalMemoryOfGroup: number;
  postgresMemory: number;
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (!file) throw new Error('Name the JSON file of the benches: node bench/sizing.ts bench.json');
  process.stdout.write(sizingOf(JSON.parse(readFileSync(file, 'utf8'))));
}

/** The page in Markdown. Throws an Error that names the bench that is missing. */
function sizingOf(report: Report): string {
  const measured = measuredOf(report);
  const names = ['ledger', 'saga', 'open'];
  const sources = names.map((name) => {
    const { command, date, machine } = benchOf(report, name);
    return `- \`${command}\`, ${date}: ${machine}`;
  });
  const rows = rowsOf(measured).map(([what, cell]) => {
    const wasRun = (rate: number) => MEASURED.includes(what) && rate * HEADROOM <= measured.rate;
    const cells = RATES.map((rate) => `${cell(rate)} ${wasRun(rate) ? '(m)' : '(c)'}`);
    return [what, ...cells];
  });
  const columns = RATES.map((rate) => `${rate.toLocaleString('en')} sagas/s`);
  const table = [['', ...columns], ['---', ...RATES.map(() => '---:')], ...rows];
  const parts = [
    '# What to buy',
    'Written by `node bench/sizing.ts bench.json`, no figure by hand, from:',
    sources.join('\n'),
    ABOUT,
    table.map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
    '## Where the figures come from',
    formulas(measured),
    '## What was assumed',
    ASSUMED,
  ];
  return `${parts.join('\n\n')}\n`;
}

type Cell = (rate: number) => string;

function rowsOf(of: Measured): [string, Cell][] {
  const cores = (seconds: number) => (rate: number) => rate * seconds * HEADROOM;
  const service = cores(of.service + of.serviceReplay);
  const processes = (rate: number) => Math.max(2, Math.ceil(service(rate)));
  const open = (rate: number) => rate * OPEN_SECONDS;
  const shards = (rate: number) =>
    Math.max(LEAST_SHARDS, 2 ** Math.ceil(Math.log2((rate * HEADROOM) / of.rate)));
  const perDay = (bytes: number, days: number) => (rate: number) =>
    gigabytes(rate * SECONDS_A_DAY * days * bytes);
  const temporalMemory = (rate: number) =>
    of.temporalMemory + open(rate) * of.temporalMemoryOfGroup;
  return [
    ['API and worker: processes', (rate) => whole(processes(rate))],
    ['API and worker: cores', (rate) => numberText(service(rate))],
    ['API and worker: memory', (rate) => gigabytes(processes(rate) * of.serviceMemory)],
    ['Postgres of the ledger: cores', (rate) => numberText(cores(of.postgres)(rate))],
    ['Postgres of the ledger: memory', () => `${gigabytes(of.postgresMemory)} + page cache`],
    [
      'Postgres of the ledger: connections',
      (rate) => whole(processes(rate) * CONNECTIONS_OF_PROCESS),
    ],
    ['Postgres of the ledger: disk a day', perDay(of.ledgerBytes, 1)],
    [
      'Postgres of the ledger: log',
      (rate) => `${numberText((rate * HEADROOM * of.logBytes) / MEGABYTE)} MB/s`,
    ],
    [
      'Temporal and its database: cores',
      (rate) => numberText(cores(of.temporal + of.temporalReplay)(rate)),
    ],
    ['Temporal: groups that wait', (rate) => whole(open(rate))],
    ['Temporal: memory with all of these', (rate) => gigabytes(temporalMemory(rate))],
    [`Temporal: disk of ${RETENTION_DAYS} days`, perDay(of.temporalDiskBytes, RETENTION_DAYS)],
    ['Temporal: history shards', (rate) => whole(shards(rate))],
  ];
}

function formulas(of: Measured): string {
  const ms = (seconds: number) => `${numberText(seconds * 1000)} ms`;
  const kilobytes = (bytes: number) => `${numberText(bytes / 1024)} KB`;
  const million = (bytes: number) => gigabytes(bytes * 1e6);
  return `- Cores = sagas a second × processor time of a saga × ${HEADROOM}. Of a saga: the service
  ${ms(of.service)}, Postgres ${ms(of.postgres)}, Temporal with its database ${ms(of.temporal)}
  (\`npm run bench saga\`). A saga that waits so long is in nobody's memory any more and is
  replayed: ${ms(of.serviceReplay)} of the service and ${ms(of.temporalReplay)} of Temporal more
  (\`npm run bench open\`).
- Processes: one a core of the service, since JavaScript runs on one; at least two, so that one may
  die. Each had ${gigabytes(of.serviceMemory)} with as many sagas in memory as it keeps
  (\`SAGAS_IN_MEMORY\`; \`npm run bench open\`).
- Connections = processes × ${CONNECTIONS_OF_PROCESS} (\`DATABASE_POOL_SIZE\`).
- Disk: a saga leaves ${kilobytes(of.ledgerBytes)} in the ledger's tables and indexes,
  ${million(of.ledgerBytes)} a million, and writes ${kilobytes(of.logBytes)} of log
  (\`npm run bench ledger\`). In Temporal's database a group that waits has
  ${kilobytes(of.temporalDiskBytes)}, ${million(of.temporalDiskBytes)} a million, until its
  retention ends (\`npm run bench open\`).
- Memory of Temporal = ${gigabytes(of.temporalMemory)} + groups that wait ×
  ${kilobytes(of.temporalMemoryOfGroup)}. A server with smaller caches reads its database more.
- Shards = sagas a second × ${HEADROOM} / ${numberText(of.rate)}, what the bench's one shard did, as
  the next power of two; at least ${LEAST_SHARDS}.`;
}

function measuredOf(report: Report): Measured {
  const saga = rowOf(report, 'saga', /^hold and settle/, 'ledger');
  const bytes = /^what one operation writes/;
  const memory = /^memory with/;
  const inMemory = (who: string) => rowOf(report, 'open', memory, who);
  const disk = rowOf(report, 'open', /^disk of a group/, 'database of Temporal');
  return {
    rate: saga.value.median,
    service: moreOf(saga, 'CPU of service ms') / 1000,
    postgres: moreOf(saga, 'CPU of Postgres ms') / 1000,
    temporal: moreOf(saga, 'CPU of Temporal ms') / 1000,
    serviceReplay: replayOf(report, 'CPU of service ms'),
    temporalReplay: replayOf(report, 'CPU of Temporal ms'),
    ledgerBytes: rowOf(report, 'ledger', bytes, 'pair: tables and indexes').value.median,
    logBytes: rowOf(report, 'ledger', bytes, 'pair: write-ahead log').value.median,
    temporalDiskBytes: disk.value.median,
    serviceMemory: inMemory('service').value.median * MEGABYTE,
    temporalMemory: moreOf(inMemory('Temporal'), 'with few MB') * MEGABYTE,
    temporalMemoryOfGroup: moreOf(inMemory('Temporal'), 'KB of each group') * 1024,
    postgresMemory: inMemory('Postgres').value.median * MEGABYTE,
  };
}

/** Seconds: settling any of very many, which were evicted, against settling one of few. */
function replayOf(report: Report, what: string): number {
  const settling = /^settling, \d+ at once/;
  const rows = sectionOf(report, 'open', settling).rows;
  const [few, many] = [rows[0], rows.at(-1)];
  if (!few || !many) throw new Error('open measured nothing that settles; measure it again.');
  return Math.max(0, moreOf(many, what) - moreOf(few, what)) / 1000;
}

function benchOf(report: Report, name: string): BenchReport {
  const bench = report[name];
  if (!bench) throw new Error(`Measure first: npm run bench ${name} -- --json bench.json`);
  return bench;
}

/** The last section with such a title: the one with the most callers. */
function sectionOf(report: Report, bench: string, title: RegExp) {
  const section = benchOf(report, bench).sections.findLast((each) => title.test(each.title));
  if (!section) throw new Error(`${bench} measured nothing under ${title}; measure it again.`);
  return section;
}

function rowOf(report: Report, bench: string, title: RegExp, name: string): Figures {
  const row = sectionOf(report, bench, title).rows.find((each) => each.name === name);
  if (!row) throw new Error(`${bench} measured no ${name} under ${title}; measure it again.`);
  return row;
}

function moreOf({ name, more }: Figures, what: string): number {
  const figure = more[what];
  if (figure === undefined) throw new Error(`${name} has no ${what}; measure it again.`);
  return figure;
}

function whole(count: number): string {
  return Math.round(count).toLocaleString('en');
}

function gigabytes(bytes: number): string {
  const figure = bytes / GIGABYTE;
  return figure >= 1024 ? `${numberText(figure / 1024)} TB` : `${numberText(figure)} GB`;
}

/** `npm run storm`: chain storms by seed. Exits with 1 where books and chain differ. */
import { parseArgs } from 'node:util';
import { endRequested } from './ending.ts';
import { BROKEN } from './storm/broken.ts';
import { MOST_STORMS, stormsUntilNoticed } from './storm/notice.ts';
import { runStorm, type StormResult } from './storm/run.ts';
import { startServers } from './storm/servers.ts';

const HELP = `npm run storm -- [options]

Random deposits, transfers, withdrawals, reorganisations, faults of the node and
kills of processes, by seed, on real servers. At the end the books have to be the
canonical chain's to the last unit, and nothing may be paid twice.

  --seed N        one seed (default 1)
  --seeds A..B    all seeds from A to B
  --seconds S     goes on for S seconds a seed (default: the short form)
  --jobs N        so many seeds beside each other (default 1); two cores take two
  --broken GUARD  the service without one of its guards, which the storm has to notice:
                  ${Object.keys(BROKEN).join(', ')}, or all of them one after the other
  --log           tells each operation as it happens
  --json          a line of JSON a seed, and nothing else

A seed that fails leaves its operations, the processes' logs and its database, and
says where. The same seed does the same again; what meets what depends on the
machine too, so try it more than once.
`;

/** What a shell tells of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

function readSeeds(range: string | undefined, seed: string): number[] {
  const [, from, to] = /^(\d+)\.\.(\d+)$/.exec(range ?? `${seed}..${seed}`) ?? [];
  if (from === undefined || Number(to) < Number(from)) {
    throw new Error(`--seed takes a whole number, --seeds two of them as in 1..20.\n\n${HELP}`);
  }
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, at) => Number(from) + at);
}

function lineOf({
  seed,
  operations,
  counts,
  strikes,
  seconds,
  phases,
  hash,
  ...rest
}: StormResult): string {
  const { differences, left, hangs } = rest;
  const { reorgs = 0, rollbacks = 0, kills = 0, collections = 0, hooks = 0 } = counts;
  const { batches = 0 } = counts;
  const spent = Object.entries(phases).map(([what, n]) => `${what} ${n.toFixed(1)}`);
  const ended = differences.length === 0 ? `ok ${hash}` : 'FAILED';
  return [
    `seed ${seed}: ${ended}, ${operations} operations, ${reorgs} reorgs, ${rollbacks} rollbacks, ` +
      `${strikes} faults, ${kills} kills, ${batches} batches, ${collections} collections and ` +
      `${counts['top-ups'] ?? 0} top-ups, ${hooks} hooks, ` +
      `${counts['double spends'] ?? 0} double spends, ${seconds.toFixed(1)} s ` +
      `(${spent.join(', ')})` +
      (hangs > 0 ? `, after anvil hung ${hangs} times` : ''),
    ...differences.map((each) => `  ${each}`),
    ...(left ? [`  operations: ${left.log}; database: ${left.database}`] : []),
  ].join('\n');
}

/** What all seeds did, each kind of operation with its number. */
function add(totals: Record<string, number>, result: StormResult): void {
  const { operations, strikes, hangs, counts, differences } = result;
  const failed = differences.length > 0 ? 1 : 0;
  for (const [what, n] of Object.entries({ operations, failed, strikes, hangs, ...counts })) {
    totals[what] = (totals[what] ?? 0) + n;
  }
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string' },
      seconds: { type: 'string' },
      jobs: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      log: { type: 'boolean', default: false },
      broken: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const say = (line: string) => process.stdout.write(`${line}\n`);
  if (values.help) {
    say(HELP);
    return 0;
  }
  const seeds = readSeeds(values.seeds, values.seed);
  const jobs = Number(values.jobs);
  if (!/^[1-9]\d?$/.test(values.jobs)) throw new Error(`--jobs takes 1 to 99.\n\n${HELP}`);
  const seconds = values.seconds === undefined ? null : Number(values.seconds);
  if (values.broken !== undefined) return runBroken(values.broken, say);
  const { servers, stop } = await startServers(seeds.length, values.json ? () => {} : say);
  const failed = () => totals.failed ?? 0;
  const totals: Record<string, number> = { operations: 0, failed: 0 };
  try {
    const next = seeds.values();
    const work = async () => {
      for (const seed of next) {
        const result = await runStorm(servers, { seed, seconds, ...(values.log && { tell: say }) });
        add(totals, result);
        say(values.json ? JSON.stringify(result) : lineOf(result));
      }
    };
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    const open = await stop(failed() > 0);
    if (open && !values.json) say(`To look at the databases: ${open}`);
  }
  if (values.json) return failed() > 0 ? 1 : 0;
  say(
    `${seeds.length} seeds: ${Object.entries(totals)
      .map(([what, n]) => `${n} ${what}`)
      .join(', ')}`,
  );
  return failed() > 0 ? 1 : 0;
}

/** @returns 0 where a storm noticed each guard that its service was without */
async function runBroken(asked: string, say: (line: string) => void): Promise<number> {
  const names = asked === 'all' ? Object.keys(BROKEN) : [asked];
  const all = names.map((name) => [name, BROKEN[name]] as const);
  const { servers, stop } = await startServers(names.length * MOST_STORMS, say);
  let unnoticed = 0;
  try {
    for (const [name, broken] of all) {
      if (!broken) throw new Error(`No guard is called ${name}.\n\n${HELP}`);
      const told = (line: string) => say(`${name}, ${line}`);
      if ((await stormsUntilNoticed(servers, broken, told)) === null) unnoticed += 1;
    }
  } finally {
    await stop(false);
  }
  return unnoticed > 0 ? 1 : 0;
}

// The servers are thrown away: their supervisors stop them when this process is gone.
void endRequested(() => process.exit(INTERRUPTED));
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}

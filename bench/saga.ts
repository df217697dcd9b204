/**
 * `npm run bench saga`: sagas per second and how long a caller waits, beside empty sagas of the
 * same shape in the same run. Starts a Postgres with fsync itself, and a Temporal dev server where
 * `TEMPORAL_ADDRESS` names none.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { migrate } from '../src/db/migrate.ts';
import { createPool } from '../src/db/pool.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { startPostgres } from '../src/dev/stack/postgres.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { queueSteps } from '../src/ledger/stepQueue.ts';
import { createLog } from '../src/observability/log.ts';
import { startSagas } from '../src/temporal/sagas.ts';
import { benchTemporal } from './benchTemporal.ts';
import { type CpuTimes, cpuEach, cpuTimes } from './cpu.ts';
import { postgresSettings } from './machine.ts';
import type { Row, Tell } from './report.ts';
import { median, quantile } from './rounds.ts';
import { bareSagas, type Contender, emptySagas, gatewaySagas } from './sagaContenders.ts';
import { fundedPairs } from './sagaWallets.ts';

/** One round of one contender; times in milliseconds, from the start of a saga. */
interface Round {
  perSecond: number;
  heldMs: number[];
  doneMs: number[];
  cpuMs: Record<string, number>;
}

interface Plan {
  rounds: number;
  sagas: number;
  concurrency: number[];
}

/** Where the empty sagas live: they have the same task queue as ours. */
const EMPTY_NAMESPACE = 'empty';
/** At one caller at once a round would take long and says no more. */
const SHARE_AT_ONE = 4;

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      /** Interleaved rounds of each contender; medians are of these. */
      rounds: { type: 'string', default: '5' },
      /** Sagas a round. */
      sagas: { type: 'string', default: '300' },
      /** How many callers at once. */
      concurrency: { type: 'string', default: '1,50,100' },
    },
  });
  const plan: Plan = {
    rounds: Number(values.rounds),
    sagas: Number(values.sagas),
    concurrency: values.concurrency.split(',').map(Number),
  };
  const home = throwAwayFolder(postgresUser());
  const say = (line: string) => console.error(line);
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const postgres = await startPostgres({ dataDir: home, logDir: home, say });
    stops.push(() => postgres.stop());
    const temporal = await benchTemporal(home, [EMPTY_NAMESPACE], say);
    stops.push(() => temporal.stop());
    await compare(plan, postgres.databaseUrl, temporal.address, stops, tell);
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function compare(
  plan: Plan,
  databaseUrl: string,
  address: string,
  stops: (() => Promise<unknown>)[],
  tell: Tell,
): Promise<void> {
  await migrate(databaseUrl);
  const db = createPool({ databaseUrl, size: 20, applicationName: 'bench' });
  stops.push(() => db.end());
  const sagas = await startSagas({
    db: queueSteps(db),
    log: createLog('error'),
    address,
    namespace: 'default',
    identity: 'bench',
    temporalUi: null,
  });
  stops.push(() => sagas.stop());
  const settings = await postgresSettings(db);
  const pairs = await fundedPairs(db);
  const contenders = [gatewaySagas('ledger', sagas.gateway, pairs, () => sagas.stop())];
  const floors = [() => emptySagas(address, EMPTY_NAMESPACE, pairs), () => bareSagas(sagas.client)];
  for (const start of floors) {
    const floor = await start();
    stops.push(() => floor.stop());
    contenders.push(floor);
  }
  await warmUp(contenders);
  for (const concurrency of plan.concurrency) {
    const sagasARound = concurrency === 1 ? Math.ceil(plan.sagas / SHARE_AT_ONE) : plan.sagas;
    const runs = await rounds(contenders, plan.rounds, sagasARound, concurrency);
    const names = contenders.map(({ name }) => name);
    tell({
      title: `hold and settle, a saga each; ${concurrency} at once; ${settings}`,
      rows: rowsOf(
        names,
        'sagas/s',
        runs.map(({ twoPhase }) => twoPhase),
      ),
    });
    tell({
      title: `immediate transfers, a saga each; ${concurrency} at once`,
      rows: rowsOf(
        names,
        'transfers/s',
        runs.map(({ transfers }) => transfers),
      ),
    });
  }
}

/** The first contender against each of the others, round by round; what a caller waits. */
function rowsOf(names: string[], unit: string, runs: Round[][]): Row[] {
  const rates = runs.map((rounds) => rounds.map(({ perSecond }) => perSecond));
  const [first = [], ...floors] = rates;
  return runs.map((rounds, index) => {
    const against = floors.map((floor, at) => {
      const ratios = first.map((rate, round) => rate / (floor[round] ?? Number.NaN));
      return [names[at + 1] ?? '', ratios] as const;
    });
    return {
      name: names[index] ?? '',
      unit,
      rounds: rates[index] ?? [],
      ratios: index === 0 ? Object.fromEntries(against) : {},
      more: { ...waits(rounds), ...cpu(rounds) },
    };
  });
}

function waits(rounds: Round[]): Record<string, number> {
  const times = {
    'start→held': rounds.flatMap(({ heldMs }) => heldMs),
    'start→settled': rounds.flatMap(({ doneMs }) => doneMs),
  };
  return Object.fromEntries(
    Object.entries(times)
      .filter(([, ms]) => ms.length > 0)
      .flatMap(([what, ms]) =>
        [0.5, 0.99].map((share) => [`${what} p${share * 100} ms`, quantile(ms, share)] as const),
      ),
  );
}

function cpu(rounds: Round[]): Record<string, number> {
  const whats = Object.keys(rounds[0]?.cpuMs ?? {});
  const middle = (what: string) => median(rounds.map(({ cpuMs }) => cpuMs[what] ?? 0));
  return Object.fromEntries(whats.map((what) => [what, middle(what)]));
}

interface Runs {
  twoPhase: Round[];
  transfers: Round[];
}

/** In turns, so that whatever else the machine does hits both alike; who is first alternates. */
async function rounds(
  contenders: Contender[],
  count: number,
  sagas: number,
  concurrency: number,
): Promise<Runs[]> {
  const runs = contenders.map((): Runs => ({ twoPhase: [], transfers: [] }));
  for (let round = 0; round < count; round += 1) {
    const turns = contenders.map((contender, index) => ({ contender, run: runs[index] }));
    if (round % 2 === 1) turns.reverse();
    for (const { contender, run } of turns)
      run?.twoPhase.push(await twoPhase(contender, sagas, concurrency));
    for (const { contender, run } of turns)
      run?.transfers.push(await transfers(contender, sagas, concurrency));
  }
  return runs;
}

async function warmUp(contenders: Contender[]): Promise<void> {
  for (const contender of contenders) {
    await twoPhase(contender, 100, 20);
    await transfers(contender, 100, 20);
  }
}

let serial = 0;

function twoPhase(contender: Contender, sagas: number, concurrency: number): Promise<Round> {
  return measure(sagas, concurrency, async (round) => {
    serial += 1;
    const id = `${contender.name}-${serial}`;
    const begun = performance.now();
    await contender.hold(id);
    round.heldMs.push(performance.now() - begun);
    await contender.settle(id);
    round.doneMs.push(performance.now() - begun);
  });
}

function transfers(contender: Contender, sagas: number, concurrency: number): Promise<Round> {
  return measure(sagas, concurrency, async (round) => {
    serial += 1;
    const begun = performance.now();
    await contender.transfer(`${contender.name}-${serial}`);
    round.doneMs.push(performance.now() - begun);
  });
}

async function measure(
  count: number,
  concurrency: number,
  one: (round: Round) => Promise<void>,
): Promise<Round> {
  const round: Round = { perSecond: 0, heldMs: [], doneMs: [], cpuMs: {} };
  const before: CpuTimes = cpuTimes();
  let left = count;
  const begun = performance.now();
  const caller = async () => {
    for (; left > 0; ) {
      left -= 1;
      await one(round);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  round.cpuMs = cpuEach(before, cpuTimes(), count);
  round.perSecond = (count * 1000) / (performance.now() - begun);
  return round;
}

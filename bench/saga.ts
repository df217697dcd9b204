/**
 * `npm run bench saga`: sagas per second and how long a caller waits, beside empty sagas of the
 * same shape in the same run. Starts a Postgres with fsync itself, and a Temporal dev server where
 * `TEMPORAL_ADDRESS` names none.
 *
 * `empty again` is `empty` once more: what its ratio differs from 1 is noise, and a ratio of the
 * ledger's means something where it differs by more. On two cores with other work, half of the
 * rounds' ratios are within 0.12 of their median, whose standard error after n rounds is then
 * 0.22 / √n. Twice that is what a run can tell: 14 rounds a difference of 12 per cent, 80 one of 5.
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
import { postgresSettings } from './machine.ts';
import type { Row, Tell } from './report.ts';
import { median, quantile } from './rounds.ts';
import { bareSagas, emptySagas, gatewaySagas } from './sagaContenders.ts';
import { type Turn, takeTurns, warmUp } from './sagaTurns.ts';
import { fundedPairs } from './sagaWallets.ts';

interface Plan {
  rounds: number;
  sagas: number;
  concurrency: number[];
}

/**
 * Where the empty sagas live: they have the same task queue as ours. Twice the same, so that what
 * differs between the two tells what a difference of the ledger's means.
 */
const EMPTY = { empty: 'empty', 'empty again': 'empty-again' };
/** One caller has no company to wait for, and so gets by with fewer. */
const SHARE_AT_ONE = 2;
/** Code that runs is compiled, and compiled again, for some hundreds of sagas. */
const WARM_UP_SAGAS = 300;

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      /** In each of them every contender has a turn; medians are of these. */
      rounds: { type: 'string', default: '8' },
      /** Sagas a turn. */
      sagas: { type: 'string', default: '150' },
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
    const temporal = await benchTemporal(home, Object.values(EMPTY), say);
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
  const floors = [
    ...Object.entries(EMPTY).map(([name, namespace]) => {
      return () => emptySagas(name, address, namespace, pairs);
    }),
    () => bareSagas(sagas.client),
  ];
  for (const start of floors) {
    const floor = await start();
    stops.push(() => floor.stop());
    contenders.push(floor);
  }
  await warmUp(contenders, WARM_UP_SAGAS);
  for (const concurrency of plan.concurrency) {
    const sagasATurn = concurrency === 1 ? Math.ceil(plan.sagas / SHARE_AT_ONE) : plan.sagas;
    const runs = await takeTurns(contenders, plan.rounds, sagasATurn, concurrency);
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

/** Whose rate is compared with whose, round by round. */
const AGAINST: Record<string, string[]> = { ledger: ['empty', 'bare'], 'empty again': ['empty'] };

function rowsOf(names: string[], unit: string, runs: Turn[][]): Row[] {
  const rates = runs.map((turns) => turns.map(({ perSecond }) => perSecond));
  return runs.map((turns, index) => {
    const name = names[index] ?? '';
    const own = rates[index] ?? [];
    const against = (AGAINST[name] ?? []).map((floor) => {
      const others = rates[names.indexOf(floor)] ?? [];
      return [floor, own.map((rate, round) => rate / (others[round] ?? Number.NaN))] as const;
    });
    const more = { ...waits(turns), ...cpu(turns) };
    return { name, unit, rounds: own, ratios: Object.fromEntries(against), more };
  });
}

function waits(turns: Turn[]): Record<string, number> {
  const times = {
    'start→held': turns.flatMap(({ heldMs }) => heldMs),
    'start→settled': turns.flatMap(({ doneMs }) => doneMs),
  };
  return Object.fromEntries(
    Object.entries(times)
      .filter(([, ms]) => ms.length > 0)
      .flatMap(([what, ms]) =>
        [0.5, 0.99].map((share) => [`${what} p${share * 100} ms`, quantile(ms, share)] as const),
      ),
  );
}

function cpu(turns: Turn[]): Record<string, number> {
  const whats = Object.keys(turns[0]?.cpuMs ?? {});
  const middle = (what: string) => median(turns.map(({ cpuMs }) => cpuMs[what] ?? 0));
  return Object.fromEntries(whats.map((what) => [what, middle(what)]));
}

/**
 * `npm run bench ledger`: how many pairs of hold and settle, and how many immediate transfers, the
 * ledger does a second on 1,000 wallets, beside bare statements through the same driver in the same
 * run; the same with one wallet in every transfer; what an operation leaves on the disk. Starts a
 * Postgres of its own with its default, durable settings.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { migrate } from '../src/db/migrate.ts';
import { createPool, type Pool } from '../src/db/pool.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { startPostgres } from '../src/dev/stack/postgres.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { queueSteps } from '../src/ledger/stepQueue.ts';
import { lanes, onConnections } from './lanes.ts';
import { bytesEach } from './ledgerBytes.ts';
import {
  floorPair,
  hotPairs,
  immediate,
  type Operation,
  pair,
  prepare,
} from './ledgerContenders.ts';
import { postgresSettings } from './machine.ts';
import { againstFirst, type Row, type Tell } from './report.ts';
import { perSecond } from './rounds.ts';

/** `shared`: over the queue that the service's own activities use, else a call a step. */
interface Contender {
  name: string;
  operation: Operation;
  shared?: true;
}

/** The floor first. */
const SPREAD: Contender[] = [
  { name: 'floor', operation: floorPair },
  { name: 'pairs', operation: pair, shared: true },
  { name: 'immediate', operation: immediate, shared: true },
  { name: 'pairs, a call a step', operation: pair },
  { name: 'immediate, a call a step', operation: immediate },
];
/** The spread case first. */
const HOT: Contender[] = [
  { name: 'spread', operation: pair, shared: true },
  ...Object.entries(hotPairs).map(([name, operation]) => ({
    name,
    operation,
    shared: true as const,
  })),
];

interface Plan {
  rounds: number;
  seconds: number;
  /** At each number of connections that is below it, once more with so many callers. */
  callers: number;
}

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      /** Interleaved rounds of each contender; medians are of these. */
      rounds: { type: 'string', default: '5' },
      /** Seconds a round. */
      seconds: { type: 'string', default: '2' },
      /** How many connections: first with a caller for each of them. */
      connections: { type: 'string', default: '1,4,20' },
      /** Then with so many callers that share them, as a service has more than connections. */
      callers: { type: 'string', default: '20' },
    },
  });
  const plan = {
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    callers: Number(values.callers),
  };
  const connections = values.connections.split(',').map(Number);
  const home = throwAwayFolder(postgresUser());
  const postgres = await startPostgres({ dataDir: home, logDir: home, say: console.error });
  try {
    await migrate(postgres.databaseUrl);
    const pool = createPool({
      databaseUrl: postgres.databaseUrl,
      size: Math.max(...connections),
      applicationName: 'bench',
    });
    try {
      await report(pool, connections, plan, tell);
    } finally {
      await pool.end();
    }
  } finally {
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

async function report(pool: Pool, connections: number[], plan: Plan, tell: Tell): Promise<void> {
  const one = await pool.connect();
  await prepare(one);
  // Its rights were changed on the way.
  one.release(true);
  const settings = await postgresSettings(pool);
  for (const count of connections) {
    const title = `${count} connection${count > 1 ? 's' : ''}; ${settings}`;
    tell({ title, rows: againstFirst(await measure(pool, [count, count], plan, SPREAD)) });
    if (plan.callers <= count) continue;
    const rows = againstFirst(await measure(pool, [count, plan.callers], plan, SPREAD));
    tell({ title: `${plan.callers} callers of ${title}`, rows });
  }
  const most = Math.max(...connections);
  const hot = againstFirst(await measure(pool, [most, most], plan, HOT));
  tell({ title: `one wallet in every transfer; ${most} connections`, rows: hot });
  tell({
    title: 'what one operation writes',
    rows: [
      ...(await bytesEach(pool, 'pair', pair)),
      ...(await bytesEach(pool, 'immediate', immediate)),
    ],
  });
}

/** In turns, so that whatever else the machine does hits all alike. */
async function measure(
  pool: Pool,
  [connections, callers]: [number, number],
  plan: Plan,
  contenders: Contender[],
): Promise<Row[]> {
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  const queue = queueSteps(lanes(clients));
  const rows = contenders.map(({ name }): Row => ({ name, unit: '/s', rounds: [] }));
  try {
    // Round 0 warms plans and caches up.
    for (let round = 0; round <= plan.rounds; round += 1) {
      for (const [index, { operation, shared }] of contenders.entries()) {
        const call = shared ? () => operation(queue) : onConnections(clients, operation);
        const calls = Array<typeof call>(callers).fill(call);
        const rate = await perSecond(calls, round === 0 ? 1 : plan.seconds);
        if (round > 0) rows[index]?.rounds.push(rate);
      }
    }
  } finally {
    for (const client of clients) client.release();
  }
  return rows;
}

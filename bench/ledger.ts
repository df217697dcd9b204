/**
 * `npm run bench ledger`: how many pairs of hold and settle, and how many immediate transfers, the
 * ledger does a second on 1,000 wallets, beside bare statements through the same driver in the same
 * run. Starts a Postgres of its own with its default, durable settings.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { migrate } from '../src/db/migrate.ts';
import { createPool, type Db, type Pool } from '../src/db/pool.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { startPostgres } from '../src/dev/stack/postgres.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { queueSteps } from '../src/ledger/stepQueue.ts';
import { floorPair, immediate, type Operation, pair, prepare } from './ledgerContenders.ts';
import { median, spread } from './rounds.ts';

/** The floor first; `shared`: over the queue that the service's own activities use. */
const CONTENDERS: Record<string, { operation: Operation; shared?: true }> = {
  'floor pairs/s': { operation: floorPair },
  'hold+settle pairs/s': { operation: pair, shared: true },
  'immediate transfers/s': { operation: immediate, shared: true },
  'pairs/s, a call a step': { operation: pair },
  'immediate, a call a step': { operation: immediate },
};

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      /** Interleaved rounds of each contender; medians are of these. */
      rounds: { type: 'string', default: '5' },
      /** Seconds a round. */
      seconds: { type: 'string', default: '2' },
      /** How many connections, each with one operation under way. */
      connections: { type: 'string', default: '1,4,20' },
    },
  });
  const home = throwAwayFolder(postgresUser());
  const postgres = await startPostgres({ dataDir: home, logDir: home, say: console.error });
  try {
    await migrate(postgres.databaseUrl);
    await setUp(postgres.databaseUrl);
    for (const connections of values.connections.split(',').map(Number)) {
      const size = { databaseUrl: postgres.databaseUrl, size: connections };
      const pool = createPool({ ...size, applicationName: 'bench' });
      try {
        const rates = await measure(
          pool,
          connections,
          Number(values.rounds),
          Number(values.seconds),
        );
        print(connections, rates);
      } finally {
        await pool.end();
      }
    }
  } finally {
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** Prepares the wallets, and says with which settings Postgres is measured. */
async function setUp(databaseUrl: string): Promise<void> {
  const pool = createPool({ databaseUrl, size: 1, applicationName: 'bench-set-up' });
  try {
    await prepare(pool);
    const { rows } = await pool.query<{ text: string }>(
      `select string_agg(name || ' ' || current_setting(name), ', ') as text from unnest(array[
        'server_version', 'fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size']) name`,
    );
    console.log(`Postgres: ${rows[0]?.text}`);
  } finally {
    await pool.end();
  }
}

type Rates = Record<string, number[]>;

/** In turns, so that whatever else the machine does hits all alike. */
async function measure(
  pool: Pool,
  connections: number,
  rounds: number,
  seconds: number,
): Promise<Rates> {
  const rates: Rates = Object.fromEntries(Object.keys(CONTENDERS).map((name) => [name, []]));
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  const shared = Array<Db>(connections).fill(queueSteps(lanes(clients)));
  try {
    // Round 0 warms plans and caches up.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [name, { operation, shared: sharing }] of Object.entries(CONTENDERS)) {
        const databases = sharing ? shared : clients;
        const rate = await perSecond(operation, databases, round === 0 ? 1 : seconds);
        if (round > 0) rates[name]?.push(rate);
      }
    }
  } finally {
    for (const client of clients) client.release();
  }
  return rates;
}

/** One database over several connections, the one that was used last first, as a pool does it. */
function lanes(clients: Db[]): Db {
  const idle = [...clients];
  const query = async (...values: unknown[]) => {
    const client = idle.pop() as { query(...values: unknown[]): Promise<unknown> };
    try {
      return await client.query(...values);
    } finally {
      idle.push(client as Db);
    }
  };
  return { query: query as Db['query'] };
}

async function perSecond(operation: Operation, clients: Db[], seconds: number): Promise<number> {
  let done = 0;
  const begun = performance.now();
  const until = begun + seconds * 1000;
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < until) {
        await operation(client);
        done += 1;
      }
    }),
  );
  return (done * 1000) / (performance.now() - begun);
}

function print(connections: number, rates: Rates): void {
  const [floor = [], ...others] = Object.values(rates);
  console.log(`\n${connections} connection${connections > 1 ? 's' : ''}, ${floor.length} rounds`);
  for (const [name, each] of Object.entries(rates)) {
    console.log(`  ${name.padEnd(22)} ${spread(each)}`);
  }
  for (const [index, each] of others.entries()) {
    const name = Object.keys(CONTENDERS)[index + 1]?.replace('/s', '');
    const ratios = each.map((rate, round) => rate / (floor[round] ?? 1));
    const range = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
    console.log(`  ${name} / floor: ${median(ratios).toFixed(2)} (${range})`);
  }
}

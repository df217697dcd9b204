/**
 * `npm run bench peer -- --pgledger FOLDER`: our ledger beside pgledger on the same Postgres, with
 * the same driver and as many connections, in turns. A pair of ours is a hold and its settlement; a
 * pair of pgledger's are two transfers, the way to hold money there. Groups of many movements stand
 * beside its own batches.
 */
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { migrate } from '../src/db/migrate.ts';
import { createPool, type Db } from '../src/db/pool.ts';
import { throwAwayFolder } from '../src/dev/stack/places.ts';
import { startPostgres } from '../src/dev/stack/postgres.ts';
import { postgresUser } from '../src/dev/stack/postgresUser.ts';
import { queueSteps } from '../src/ledger/stepQueue.ts';
import { lanes } from './lanes.ts';
import { immediateOf, type Operation, pairOf, prepare, spreadOver } from './ledgerContenders.ts';
import { postgresSettings } from './machine.ts';
import { HOW_TO_GET, type Pgledger, startPgledger } from './pgledger.ts';
import { againstFirst, type Row, type Tell } from './report.ts';
import { perSecond } from './rounds.ts';

const MOST_WALLETS = 1_000;
/** Its larger batches wait for each other's accounts until a statement's time is over. */
const MOST_OF_PEER = 100;

interface Contender {
  name: string;
  /** Whose database it works in: its tables are vacuumed before each round. */
  owner: Db;
  /** One a caller. */
  operations: (() => Promise<void>)[];
  /** How many pairs or transfers one operation is. */
  counts: number;
}

/** Called by `bench/main.ts` with what follows the bench's name. */
export async function run(args: string[], tell: Tell): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      /** A checkout of pgledger. */
      pgledger: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      /** Seconds a round. */
      seconds: { type: 'string', default: '2' },
      connections: { type: 'string', default: '20' },
      /** How many wallets they are spread over, at most 1,000. */
      wallets: { type: 'string', default: '50,1000' },
      /** Movements of a batch; of ours each has two legs, and a group at most 1,000 of them. */
      batches: { type: 'string', default: '100,500' },
    },
  });
  if (values.pgledger === undefined) {
    console.error(`peer is left out: ${HOW_TO_GET}`);
    return;
  }
  const [rounds, seconds, connections] = [values.rounds, values.seconds, values.connections].map(
    Number,
  ) as [number, number, number];
  const home = throwAwayFolder(postgresUser());
  const postgres = await startPostgres({ dataDir: home, logDir: home, say: console.error });
  try {
    const { databaseUrl } = postgres;
    // First, since it makes the role that every pool of ours logs in with.
    const ours = await startOurs(databaseUrl, connections);
    const peer = await startPgledger(databaseUrl, values.pgledger, connections, MOST_WALLETS);
    try {
      const batches = values.batches.split(',').map(Number);
      for (const wallets of values.wallets.split(',').map(Number)) {
        const contenders = contendersOf(peer, ours, wallets, batches);
        const rows = await measure(contenders, rounds, seconds);
        const title = `${connections} connections, ${wallets} wallets; ${ours.settings}`;
        tell({ title, rows: againstFirst(rows) });
      }
    } finally {
      await ours.stop();
      await peer.stop();
    }
  } finally {
    await postgres.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

interface Ours {
  /** What the sagas use: steps that are asked for at the same time share a transaction. */
  shared: Db;
  clients: Db[];
  owner: Db;
  settings: string;
  stop(): Promise<void>;
}

async function startOurs(databaseUrl: string, connections: number): Promise<Ours> {
  await migrate(databaseUrl);
  const pool = createPool({ databaseUrl, size: connections + 1, applicationName: 'bench' });
  const owner = await pool.connect();
  await prepare(owner);
  const settings = await postgresSettings(pool);
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  return {
    shared: queueSteps(lanes(clients)),
    clients,
    owner,
    settings,
    async stop() {
      for (const client of [...clients, owner]) client.release();
      await pool.end();
    },
  };
}

/** The peer's pairs first: all are compared with these. */
function contendersOf(peer: Pgledger, ours: Ours, wallets: number, batches: number[]): Contender[] {
  const pick = spreadOver(wallets);
  const theirs = (operation: Operation) => ({
    owner: peer.clients[0] as Db,
    operations: peer.clients.map((db) => () => operation(db)),
  });
  const alone = (operation: Operation) => ({
    owner: ours.owner,
    operations: ours.clients.map((db) => () => operation(db)),
  });
  const shared = (operation: Operation) => ({
    owner: ours.owner,
    operations: ours.clients.map(() => () => operation(ours.shared)),
  });
  const single = { counts: 1 };
  return [
    { name: 'pgledger pairs', ...theirs(peer.pair(wallets)), ...single },
    { name: 'pairs', ...shared(pairOf(pick)), ...single },
    { name: 'immediate', ...shared(immediateOf(pick)), ...single },
    ...batches.flatMap((counts) => [
      ...(counts > MOST_OF_PEER
        ? []
        : [
            {
              name: `pgledger pairs, ${counts} a call`,
              ...theirs(peer.batchPair(wallets, counts)),
              counts,
            },
          ]),
      { name: `pairs, ${counts} in a group`, ...shared(pairOf(pick, counts)), counts },
      { name: `immediate, ${counts} in a group`, ...shared(immediateOf(pick, counts)), counts },
      {
        name: `pairs, ${counts} in a group, a call a step`,
        ...alone(pairOf(pick, counts)),
        counts,
      },
    ]),
  ];
}

/** In turns, so that whatever else the machine does hits all alike. */
async function measure(contenders: Contender[], rounds: number, seconds: number): Promise<Row[]> {
  const rows = contenders.map(({ name }): Row => ({ name, unit: '/s', rounds: [] }));
  // Round 0 warms plans and caches up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, { owner, operations, counts }] of contenders.entries()) {
      await owner.query('vacuum analyze');
      const rate = await perSecond(operations, round === 0 ? 1 : seconds);
      if (round > 0) rows[index]?.rounds.push(rate * counts);
    }
  }
  return rows;
}

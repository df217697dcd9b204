/** Sagas on a database and a Temporal namespace of a test file's own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import type { Balance, Group } from '../../src/contracts/resources.ts';
import type { NoOutcome } from '../../src/contracts/sagas.ts';
import type { StepOutcome } from '../../src/contracts/steps.ts';
import type { Db, Pool } from '../../src/db/pool.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { readGroup } from '../../src/ledger/groups.ts';
import { openTransfer } from '../../src/ledger/openTransfer.ts';
import type { StepDb } from '../../src/ledger/stepQueue.ts';
import { createWallet, readWallet } from '../../src/ledger/wallets.ts';
import { createLog } from '../../src/observability/log.ts';
import { type Sagas, type SagasOptions, startSagas } from '../../src/temporal/sagas.ts';
import { createTestDatabase, type TestDatabase } from '../support/testDatabase.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';
import { leg, transferInput } from './inputs.ts';

/** Longer than anything here takes on a busy machine, in milliseconds. */
export const WAIT_MS = 20_000;

export interface World {
  database: TestDatabase;
  /** The service's pool; notes the names of its queries, in order. */
  db: StepDb & { queries: string[] };
  sagas: Sagas;
  options: SagasOptions;
  /** Stops the worker and the gateway as a crash or a deployment would, and starts new ones. */
  restart(): Promise<void>;
}

/** Takes what is to be done at an end. */
export type AtEnd = (stop: () => Promise<void>) => void;

/** Starts once per test file and ends with it; or with a test, given `onTestFinished`. */
export async function createWorld(
  changes: Partial<SagasOptions> = {},
  atEnd: AtEnd = afterAll,
): Promise<World> {
  const database = await createTestDatabase();
  const db = noteQueries(database.pool);
  const options: SagasOptions = {
    db,
    log: createLog(process.env.LOG_LEVEL ?? 'silent'),
    address: changes.address ?? (await temporalAddress()),
    namespace: changes.namespace ?? (await temporalNamespace()),
    identity: 'test',
    temporalUi: null,
    sweeper: false,
    ...changes,
  };
  await createAsset(db, { code: 'USD', scale: 2 });
  const world: World = {
    database,
    db,
    options,
    sagas: await startSagas(options),
    async restart() {
      await world.sagas.stop();
      world.sagas = await startSagas(options);
    },
  };
  atEnd(() => world.sagas.stop());
  return world;
}

function noteQueries(pool: Pool): World['db'] {
  const queries: string[] = [];
  const noting = (db: Db) => {
    const query = (...args: Parameters<Db['query']>) => {
      const [asked] = args as unknown as [string | { name?: string; text: string }];
      queries.push(typeof asked === 'string' ? asked : (asked.name ?? asked.text));
      return db.query(...args);
    };
    return query as Db['query'];
  };
  return {
    queries,
    query: noting(pool),
    async connect() {
      const connection = await pool.connect();
      return Object.create(connection, { query: { value: noting(connection) } });
    },
  };
}

const CHILD = fileURLToPath(new URL('childWorker.ts', import.meta.url));

/** A worker on the same servers in a process of its own; see `childWorker.ts`. */
export async function childWorker({ database, options }: World, crashAfter = '') {
  const child = spawn(process.execPath, [CHILD], {
    env: {
      ...process.env,
      CRASH_AFTER: crashAfter,
      NAMESPACE: options.namespace,
      DATABASE_URL: database.url,
      TEMPORAL_ADDRESS: options.address,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const died = once(child, 'exit');
  await once(child.stdout, 'data');
  return { died, kill: () => child.kill('SIGKILL') };
}

let wallets = 0;

/** A wallet of its own for each test, with so much in it. */
export async function wallet({ db }: World, funds: string): Promise<string> {
  wallets += 1;
  const id = `w${wallets}`;
  await createWallet(db, { id, owner: id, asset: 'USD' });
  if (funds === '0') return id;
  const outcome = await openTransfer(db, {
    ...transferInput(`fund-${id}`, [leg('external:USD', 'DEBIT', funds), leg(id, 'CREDIT', funds)]),
    actor: { name: 'admin', admin: true },
  });
  if (outcome.outcome !== 'done') throw new Error(`${id} was not funded`);
  return id;
}

/** The group of an outcome that must be `done`. */
export function doneGroup(outcome: StepOutcome | NoOutcome): Group {
  if (outcome.outcome !== 'done') throw new Error(`not done: ${JSON.stringify(outcome)}`);
  return outcome.group;
}

export async function balanceOf({ db }: World, id: string): Promise<Balance> {
  const found = await readWallet(db, id);
  if (!found) throw new Error(`no wallet ${id}`);
  return found.balance;
}

export async function groupOf({ db }: World, id: string): Promise<Group> {
  const found = await readGroup(db, id);
  if (!found) throw new Error(`no group ${id}`);
  return found;
}

/** Asks again and again until the answer satisfies; fails with the last one. */
export async function eventually<T>(
  ask: () => Promise<T>,
  satisfies: (answer: T) => boolean,
  waitMs = WAIT_MS,
): Promise<T> {
  const until = Date.now() + waitMs;
  for (;;) {
    const answer = await ask();
    if (satisfies(answer)) return answer;
    if (Date.now() > until) throw new Error(`still ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

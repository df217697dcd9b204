/**
 * pgledger (https://github.com/pgr0ss/pgledger), the plainest double-entry ledger in Postgres, as
 * a peer of `bench/peer.ts`. Its SQL is loaded from a checkout as it is, the driver is ours.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool, type Db } from '../src/db/pool.ts';
import { anyTwo } from './ledgerContenders.ts';

/** In the order in which its own `justfile` loads them. */
const FILES = [
  'vendor/scoville-pgsql-ulid/ulid-to-uuid.sql',
  'vendor/scoville-pgsql-ulid/uuid-to-ulid.sql',
  'pgledger.sql',
];
const CURRENCY = 'USD';
const AMOUNT = '1.25';

/** How a person gets what `--pgledger` names. */
export const HOW_TO_GET = `git clone https://github.com/pgr0ss/pgledger, then --pgledger <folder>`;

export interface Pgledger {
  clients: Db[];
  /** Two transfers of one movement each, a call and a transaction each. */
  pair(accounts: number): (db: Db) => Promise<void>;
  /** Two calls of so many movements each, in its own batch function. */
  batchPair(accounts: number, movements: number): (db: Db) => Promise<void>;
  stop(): Promise<void>;
}

/**
 * Makes a database of its own beside ours, with accounts that may run into the negative: nobody
 * runs dry.
 *
 * @param folder a checkout of pgledger
 * @throws where the folder is none, with how to get one
 */
export async function startPgledger(
  databaseUrl: string,
  folder: string,
  connections: number,
  accounts: number,
): Promise<Pgledger> {
  const missing = FILES.find((file) => !existsSync(join(folder, file)));
  if (missing) throw new Error(`${folder} has no ${missing}. ${HOW_TO_GET}`);
  const made = await ownersOf(databaseUrl, 1);
  await made.clients[0]?.query('create database pgledger');
  await made.stop();
  const url = new URL(databaseUrl);
  url.pathname = '/pgledger';
  const { clients, stop } = await ownersOf(url.href, connections);
  const ids = await fill(clients[0] as Db, folder, accounts);
  const anyIds = (count: number) => anyTwo(count).map((index) => ids[index]);
  return {
    clients,
    pair: (count) => async (db) => {
      const values = [...anyIds(count), AMOUNT];
      const text = 'select id from pgledger_create_transfer($1, $2, $3)';
      await db.query({ name: 'pgledger_transfer', text, values });
      await db.query({ name: 'pgledger_transfer', text, values });
    },
    batchPair: (count, movements) => async (db) => {
      const requests = Array.from({ length: movements }, () => anyIds(count));
      const values = [requests.map(([from]) => from), requests.map(([, to]) => to), AMOUNT];
      const text = `select count(*) from pgledger_create_transfers(array(
        select row(f, t, $3)::transfer_request from unnest($1::text[], $2::text[]) u(f, t)))`;
      await db.query({ name: 'pgledger_transfers', text, values });
      await db.query({ name: 'pgledger_transfers', text, values });
    },
    stop,
  };
}

/** Connections whose sessions have all rights, which the ledger's own never have. */
async function ownersOf(databaseUrl: string, size: number) {
  const pool = createPool({ databaseUrl, size, applicationName: 'bench' });
  const clients = await Promise.all(Array.from({ length: size }, () => pool.connect()));
  for (const client of clients) await client.query('set role none');
  return {
    clients,
    async stop() {
      for (const client of clients) client.release();
      await pool.end();
    },
  };
}

/** Loads its SQL and opens the accounts; answers their ids. */
async function fill(db: Db, folder: string, accounts: number): Promise<string[]> {
  for (const file of FILES) await db.query(readFileSync(join(folder, file), 'utf8'));
  const made = await db.query<{ id: string }>(
    `select a.id from generate_series(1, $1) n
      cross join lateral pgledger_create_account('account-' || n, $2) a`,
    [accounts, CURRENCY],
  );
  return made.rows.map(({ id }) => id);
}

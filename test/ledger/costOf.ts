/** What a call of the ledger costs inside the database, in figures that are the same each time. */
import { createPool, type Db } from '../../src/db/pool.ts';
import type { TestDatabase } from '../support/testDatabase.ts';

export interface Cost {
  /** Statements that the server ran, those inside functions and triggers among them. */
  statements: number;
  /** Rows inserted (`+`) and updated (`~`) by table, such as `transfer_legs +2`. */
  rows: string[];
  /** The beginnings of the statements, in the order in which they ended. */
  texts: string[];
}

/** Enough to know a statement by; a batch is written by one of thousands of characters. */
const TEXT_CHARACTERS = 90;

/**
 * Sets up a database so that its server tells each statement to the client that caused it, also
 * those inside functions and triggers. Throws where its owner is no superuser.
 *
 * auto_explain is loaded by the session. pg_stat_statements would have to be preloaded by the
 * server, and would count for all tests at once. What PL/pgSQL computes without the executor (an
 * assignment, an `if`) is no statement to either. Records of the write-ahead log are not counted:
 * they depend on which pages the rows find room in.
 */
export async function openMeter({ owner, url }: TestDatabase) {
  const { rows } = await owner.query('select rolsuper from pg_roles where rolname = current_user');
  if (!rows[0]?.rolsuper) {
    throw new Error('To count statements the tests need a superuser in DATABASE_URL.');
  }
  const { rows: names } = await owner.query('select quote_ident(current_database()) as name');
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_level': 'notice',
    'auto_explain.log_format': 'json',
  };
  for (const [name, value] of Object.entries(settings)) {
    await owner.query(`alter database ${names[0]?.name} set ${name} = '${value}'`);
  }
  const pool = createPool({ databaseUrl: url, size: 1, applicationName: 'meter' });
  return {
    /** What the call costs; it is undone, so that the next one finds the same. */
    costOf: async (call: (db: Db) => Promise<unknown>): Promise<Cost> => {
      const client = await pool.connect();
      try {
        // A session's first plan of a statement may run functions, to know what they answer.
        await measure(client, call);
        return await measure(client, call);
      } finally {
        client.release();
      }
    },
    close: () => pool.end(),
  };
}

/** A connection, and what its server says beside the answers. */
interface Client extends Db {
  on(event: 'notice', listener: Listener): unknown;
  off(event: 'notice', listener: Listener): unknown;
}
type Listener = (notice: { message?: string | undefined }) => void;

async function measure(client: Client, call: (db: Db) => Promise<unknown>): Promise<Cost> {
  const statements: string[] = [];
  const note: Listener = ({ message = '' }) => {
    if (!message.includes('"Query Text"')) return;
    const text: string = JSON.parse(message.slice(message.indexOf('{')))['Query Text'];
    statements.push(text.replaceAll(/\s+/g, ' ').slice(0, TEXT_CHARACTERS));
  };
  await client.query('begin');
  try {
    const before = await writtenRows(client);
    client.on('notice', note);
    await call(client);
    // What is checked at the commit.
    await client.query('set constraints all immediate');
    client.off('notice', note);
    const after = await writtenRows(client);
    const written = difference(before, after);
    return { statements: statements.length, rows: written, texts: statements };
  } finally {
    client.off('notice', note);
    await client.query('rollback');
  }
}

type Written = Map<string, { inserted: number; updated: number }>;

/** By this session since it last told its figures, which it does between transactions alone. */
async function writtenRows(client: Client): Promise<Written> {
  const { rows } = await client.query(
    `select relname as table, n_tup_ins::integer as inserted, n_tup_upd::integer as updated
       from pg_stat_xact_user_tables order by relname`,
  );
  return new Map(rows.map(({ table, ...counts }) => [table, counts]));
}

function difference(before: Written, after: Written): string[] {
  return [...after].flatMap(([table, { inserted, updated }]) => {
    const old = before.get(table);
    const [more, changed] = [inserted - (old?.inserted ?? 0), updated - (old?.updated ?? 0)];
    const counts = [more && `+${more}`, changed && `~${changed}`].filter(Boolean);
    return counts.length > 0 ? [`${table} ${counts.join(' ')}`] : [];
  });
}

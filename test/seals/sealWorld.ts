/** Books with some entries, the sealer's one call, and an owner who goes behind triggers. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../../src/db/pool.ts';
import { settle } from '../../src/ledger/settle.ts';
import type { Head } from '../../src/seals/head.ts';
import { headOf } from '../../src/seals/head.ts';
import { readSealsState, sealNext } from '../../src/seals/sealTables.ts';
import { verifySeals } from '../../src/seals/verify.ts';
import { credit, debit, done, hold, step, walletWith } from '../ledger/ledgerWorld.ts';

/** One transfer: a hold and its settlement, four entries. Its group. */
export async function pay(db: Pool, amount = '1'): Promise<string> {
  const [a, b] = [await walletWith(db, amount), await walletWith(db, '0')];
  const group = await hold(db, [debit(a, amount), credit(b, amount)]);
  await done(settle(db, { ...step('settle', group), legs: null, final: true }));
  return group;
}

/** Other tests write on the same server, and their transactions hold up what may be sealed. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 20;

/**
 * Seals until so many entries are sealed. Where nothing is said: all that are there, which come
 * into one seal, as long as they are few.
 */
export async function sealUntil(db: Pool, entries?: number): Promise<void> {
  const wanted = entries ?? (await countEntries(db));
  if (entries === undefined) await waitUntil(() => areDecided(db), 'all entries were decided');
  const isSealed = async () => {
    while ((await readSealsState(db)).entries < wanted) {
      if ((await sealNext(db)) === null) return false;
    }
    return true;
  };
  await waitUntil(isSealed, `${wanted} entries were sealed`);
}

/** Whether nothing that is open began before the last transaction that wrote entries had ended. */
export async function areDecided(db: Pool): Promise<boolean> {
  const { rows } = await db.query<{ open: boolean }>(
    `select exists (select from ledger_entries
      where xid >= pg_snapshot_xmin(pg_current_snapshot())) as open`,
  );
  return rows[0]?.open === false;
}

async function waitUntil(isTrue: () => Promise<boolean>, what: string): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (!(await isTrue())) {
    if (performance.now() > until) throw new Error(`It never came that ${what}.`);
    await sleep(PAUSE_MS);
  }
}

export async function countEntries(db: Pool): Promise<number> {
  const { rows } = await db.query<{ n: number }>('select count(*)::int as n from ledger_entries');
  return rows[0]?.n ?? 0;
}

/** What a verification finds wrong. */
export async function faultsOf(db: Pool, heads: Head[] = []): Promise<string[]> {
  return (await verifySeals({ db, heads })).faults;
}

/** The head as it stands, unsigned. */
export async function head(db: Pool): Promise<Head> {
  return headOf(await readSealsState(db), null);
}

/** What an owner can do who means it: no trigger sees it, and nothing is left of it. */
export async function tamper(owner: Pool, table: 'ledger_entries' | 'seals', sql: string) {
  const client = await owner.connect();
  try {
    await client.query('begin');
    await client.query(`alter table ${table} disable trigger user`);
    await client.query(sql);
    await client.query(`alter table ${table} enable trigger user`);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

/** Ids of a group's entries, in their order. */
export async function idsOf(db: Pool, group: string): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>(
    'select id::text from ledger_entries where group_id = $1 order by ledger_entries.id',
    [group],
  );
  return rows.map(({ id }) => id);
}

/** Seals and entries in their order, a part at a time: a verification holds little of either. */
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { ENTRY_COLUMNS, type EntryFields, entryHash, type Seal } from './canonical.ts';

/** Read at once; each has up to 40 kB of marks. */
const SEALS_AT_ONCE = 100;
/** A message of some 5 MB. */
const IDS_AT_ONCE = 20_000n;

/** Where an entry stands in the order of the seals. */
export interface ReadEntry {
  id: bigint;
  xid: bigint;
  hash: Buffer;
}

/** All seals, by number. */
export async function* readSeals(db: Db): AsyncGenerator<Seal> {
  let after = 0n;
  for (;;) {
    const { rows } = await withRetry(() =>
      db.query<Record<keyof Seal, string> & { marks: Buffer }>(
        `select number::text, encode(previous, 'hex') as previous, upto_id::text as "uptoId",
           below::text, next_xid::text as "nextXid", entries::text, total::text,
           encode(entries_hash, 'hex') as "entriesHash",
           to_char(sealed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "sealedAt",
           encode(hash, 'hex') as hash, marks
         from seals where number > $1 order by seals.number limit ${SEALS_AT_ONCE}`,
        [after.toString()],
      ),
    );
    for (const row of rows) {
      after = BigInt(row.number);
      yield {
        ...row,
        number: after,
        uptoId: BigInt(row.uptoId),
        below: BigInt(row.below),
        nextXid: BigInt(row.nextXid),
        entries: Number(row.entries),
        total: BigInt(row.total),
      };
    }
    if (rows.length < SEALS_AT_ONCE) return;
  }
}

/**
 * All entries with ids of up to `uptoId`, in the order of their ids, a part at a time. The next
 * part is read while the caller works on one: Postgres takes as long for a part as hashing it does.
 */
export async function* readEntries(db: Db, uptoId: bigint): AsyncGenerator<ReadEntry[]> {
  // Ids begin with 1; whoever forged one below is to be seen too.
  let after = -(2n ** 63n);
  let until = least(IDS_AT_ONCE, uptoId);
  let part = readBetween(db, after, until);
  for (;;) {
    const rows = await part;
    after = until;
    if (rows.length === 0 && after < uptoId) {
      const next = await nextId(db, after, uptoId);
      if (next === null) return;
      after = next - 1n;
    }
    if (after < uptoId) {
      until = least(after + IDS_AT_ONCE, uptoId);
      part = readBetween(db, after, until);
      // Who stops before the end does not wait for it.
      part.catch(() => {});
    }
    yield rows.map((fields) => ({
      id: BigInt(fields[0] ?? ''),
      xid: BigInt(fields[13] ?? ''),
      hash: entryHash(fields),
    }));
    if (after >= uptoId) return;
  }
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

async function readBetween(db: Db, after: bigint, until: bigint): Promise<EntryFields[]> {
  const { rows } = await withRetry(() =>
    db.query<(string | null)[]>({
      text: `select ${ENTRY_COLUMNS} from ledger_entries e where e.id > $1 and e.id <= $2
        order by e.id, e.group_id, e.leg, e.status, e.operation`,
      values: [after.toString(), until.toString()],
      rowMode: 'array',
    }),
  );
  return rows;
}

/** Where many ids in a row are not there, as after a restore, the place is looked up once. */
async function nextId(db: Db, after: bigint, uptoId: bigint): Promise<bigint | null> {
  const { rows } = await withRetry(() =>
    db.query<{ id: string | null }>(
      'select min(id)::text as id from ledger_entries where id > $1 and id <= $2',
      [after.toString(), uptoId.toString()],
    ),
  );
  const id = rows[0]?.id ?? null;
  return id === null ? null : BigInt(id);
}

/**
 * Makes all seals again from the entries. Every call reads a part, so nothing is held up by it and
 * a standby can be asked: what a seal covers was decided for ever when the seal was made.
 */
import { createHash } from 'node:crypto';
import type { Db } from '../db/pool.ts';
import { MARK_BYTES, NO_HASH, type Seal, sealHash } from './canonical.ts';
import type { Head } from './head.ts';
import { describe, type Found, nameEntry } from './nameEntry.ts';
import { type ReadEntry, readEntries, readSeals } from './readRows.ts';

export interface Verification {
  /** Seals that were made again, and the entries in them. */
  seals: number;
  entries: number;
  /** Hash of the last of them, hexadecimal; null: there is none. */
  hash: string | null;
  /** What is wrong, the first first, in sentences. Empty: nothing is. */
  faults: string[];
}

export interface VerifyOptions {
  db: Db;
  /** Heads that were exported earlier: each has to be on the chain. */
  heads: Head[];
  /** Told of every seal: how many entries are looked at, of how many. */
  tell?: (entries: number, of: number) => void;
}

/** After so many it is clear that somebody was there. */
const MOST_FAULTS = 20;

export async function verifySeals({ db, heads, tell }: VerifyOptions): Promise<Verification> {
  const end = await lastSeal(db);
  const faults: string[] = [];
  let before: Seal | null = null;
  let entries = 0;
  const sorter = new Sorter(readEntries(db, BigInt(end?.uptoId ?? 0)));
  for await (const seal of readSeals(db)) {
    if (seal.number > BigInt(end?.number ?? 0)) break;
    const fault = chainFault(seal, before);
    // What stands behind a seal that is wrong cannot be told apart any more.
    if (fault !== null) return { ...doneUntil(before, entries), faults: [...faults, fault] };
    const found = await sorter.next(seal);
    const wrong = await entriesFault(db, seal, before?.uptoId ?? 0n, found);
    if (wrong !== null) faults.push(wrong);
    faults.push(...heads.flatMap((head) => offChain(head, seal)));
    entries += found.ids.length;
    before = seal;
    tell?.(entries, Number(end?.total ?? 0));
    if (faults.length >= MOST_FAULTS) return { ...doneUntil(before, entries), faults };
  }
  faults.push(...heads.flatMap((head) => beyond(head, before)));
  faults.push(...(await neverDecided(db, sorter.late)));
  return { ...doneUntil(before, entries), faults };
}

function doneUntil(seal: Seal | null, entries: number): Omit<Verification, 'faults'> {
  return { seals: Number(seal?.number ?? 0n), entries, hash: seal?.hash ?? null };
}

async function lastSeal(db: Db): Promise<{ number: string; uptoId: string; total: string } | null> {
  const { rows } = await db.query<{ number: string; uptoId: string; total: string }>(
    `select number::text, upto_id::text as "uptoId", total::text from seals
     order by seals.number desc limit 1`,
  );
  return rows[0] ?? null;
}

/** Why a seal does not stand where it has to, or null. */
function chainFault(seal: Seal, before: Seal | null): string | null {
  const number = (before?.number ?? 0n) + 1n;
  if (seal.number !== number) return `Seal ${number} is missing: seal ${seal.number} comes next.`;
  const made = sealHash(seal);
  if (seal.hash !== made) {
    return `Seal ${number} was changed: its fields give the hash ${made}, and it has ${seal.hash}.`;
  }
  const wanted = before?.hash ?? NO_HASH;
  if (seal.previous !== wanted) {
    return (
      `Seal ${number} does not follow ${before ? `seal ${before.number}` : 'the beginning'}: it ` +
      `was made after the hash ${seal.previous}, and there is ${wanted}. One of the two was ` +
      'changed.'
    );
  }
  if (seal.total !== (before?.total ?? 0n) + BigInt(seal.entries)) {
    return `Seal ${number} counts ${seal.total} entries so far, which does not fit the one before.`;
  }
  return null;
}

/** What is wrong with the entries of a seal, or null. */
async function entriesFault(
  db: Db,
  seal: Seal,
  before: bigint,
  found: Found & { hash: string },
): Promise<string | null> {
  if (found.hash !== seal.entriesHash || found.ids.length !== seal.entries) {
    return nameEntry(db, seal, before, found);
  }
  if (found.marks.equals(seal.marks)) return null;
  return `The marks of seal ${seal.number} were changed; its entries are as they were sealed.`;
}

function offChain(head: Head, seal: Seal): string[] {
  if (BigInt(head.number) !== seal.number || head.hash === seal.hash) return [];
  return [
    `Seal ${seal.number} has the hash ${seal.hash}, and the exported head says ${head.hash}: the ` +
      'chain was made anew since, or this is the head of another ledger.',
  ];
}

function beyond({ number }: Head, last: Seal | null): string[] {
  if (BigInt(number) <= (last?.number ?? 0n)) return [];
  const end = last ? `the chain ends with seal ${last.number}` : 'there are no seals';
  return [`Seal ${number} is missing: an exported head names it, and ${end}.`];
}

/** Entries of transactions that have not begun: nobody would ever seal these. */
async function neverDecided(db: Db, late: ReadEntry[]): Promise<string[]> {
  if (late.length === 0) return [];
  const { rows } = await db.query<{ next: string }>(
    'select pg_snapshot_xmax(pg_current_snapshot())::text as next',
  );
  const next = BigInt(rows[0]?.next ?? 0);
  const forged = late.filter(({ xid }) => xid >= next).slice(0, MOST_FAULTS);
  return Promise.all(
    forged.map(
      async ({ id, xid }) =>
        `${await describe(db, id)} names transaction ${xid}, which has not begun: it was forged.`,
    ),
  );
}

/** Gives each seal its entries: an entry belongs to the first that has its id and transaction. */
class Sorter {
  /** Read already, in the order of ids, and of no seal so far. */
  late: ReadEntry[] = [];
  readonly #parts: AsyncGenerator<ReadEntry[]>;
  #part: ReadEntry[] = [];
  #at = 0;

  constructor(parts: AsyncGenerator<ReadEntry[]>) {
    this.#parts = parts;
  }

  async next({ uptoId, below }: Seal): Promise<Found & { hash: string }> {
    const ids: bigint[] = [];
    const marks: Buffer[] = [];
    const hash = createHash('sha256');
    const sort = (entry: ReadEntry): boolean => {
      if (entry.xid >= below) return false;
      ids.push(entry.id);
      marks.push(entry.hash.subarray(0, MARK_BYTES));
      hash.update(entry.hash);
      return true;
    };
    const late = this.late.filter((entry) => !sort(entry));
    for (;;) {
      const entry = this.#part[this.#at] ?? (await this.#readOn());
      if (entry === undefined || entry.id > uptoId) break;
      if (!sort(entry)) late.push(entry);
      this.#at += 1;
    }
    this.late = late;
    return { ids, marks: Buffer.concat(marks), hash: hash.digest('hex') };
  }

  /** The first of the next part. */
  async #readOn(): Promise<ReadEntry | undefined> {
    while (this.#at >= this.#part.length) {
      const { value, done } = await this.#parts.next();
      if (done) return undefined;
      this.#part = value;
      this.#at = 0;
    }
    return this.#part[this.#at];
  }
}

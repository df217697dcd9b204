/**
 * The bytes that are hashed, made here from plain columns and in migration 0087 by the database:
 * two programs that have to agree. docs/seals.md has the same in words.
 */
import { hash } from 'node:crypto';

/** Of the first seal's `previous`. */
export const NO_HASH = '0'.repeat(64);
/** So many bytes of an entry's hash are its mark. */
export const MARK_BYTES = 4;

/** An entry's columns as text, in the order in which they are hashed. */
export type EntryFields = readonly (string | null)[];

/** Where `EntryFields` have amounts: amount and the three balances after it. */
const AMOUNTS = new Set([7, 10, 11, 12]);

/**
 * Selects `EntryFields` of a row `e`. By nothing but what Postgres brings along: functions of the
 * ledger could be replaced by whoever changed its rows.
 */
export const ENTRY_COLUMNS = `e.id::text, e.group_id, e.leg::text, e.wallet_id, e.asset,
  e.type::text, e.status::text, e.amount::text, e.operation, e.wallet_version::text,
  e.settled_after::text, e.held_after::text, e.pending_in_after::text, e.xid::text,
  to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** A seal as it is stored; hashes hexadecimal, times in RFC 3339 with six digits. */
export interface Seal {
  number: bigint;
  previous: string;
  uptoId: bigint;
  below: bigint;
  nextXid: bigint;
  entries: number;
  total: bigint;
  entriesHash: string;
  sealedAt: string;
  hash: string;
  marks: Buffer;
}

/** SHA-256 of an entry's canonical bytes. */
export function entryHash(fields: EntryFields): Buffer {
  let text = netstring('holdfast-entry-1');
  for (let at = 0; at < fields.length; at += 1) {
    const field = fields[at] ?? null;
    text += netstring(field !== null && AMOUNTS.has(at) ? shortest(field) : field);
  }
  return hash('sha256', text, 'buffer');
}

/** What a seal's hash has to be, by its other fields. */
export function sealHash(seal: Seal): string {
  const { number, previous, uptoId, below, nextXid, entries, total, entriesHash, sealedAt } = seal;
  const fields = [number, previous, uptoId, below, nextXid, entries, total, entriesHash, sealedAt];
  return hash('sha256', netstrings(['holdfast-seal-1', ...fields.map(String)]), 'hex');
}

/** Fields one after the other, each with its length before it, so that no two lists are alike. */
export function netstrings(fields: readonly (string | null)[]): string {
  return fields.map(netstring).join('');
}

function netstring(field: string | null): string {
  return field === null ? '-' : `${Buffer.byteLength(field)}:${field},`;
}

/** A decimal without zeros at its end: `1.50` → `1.5`, `2.00` → `2`. */
function shortest(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}

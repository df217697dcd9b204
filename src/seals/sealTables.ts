/** The database's part of the seals; see migrations 0085 to 0088. */
import type { Timestamp } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { callOnWholeBooks } from '../ledger/wholeBooks.ts';

/** A seal that was just made. */
export interface Sealed {
  number: number;
  /** Hexadecimal. */
  hash: string;
  entries: number;
  /** Whether ids were given out beyond those that it looked at. */
  more: boolean;
}

/** How far the seals have got. */
export interface SealsState {
  /** Of the last seal; 0: there is none. */
  number: number;
  /** Hash of the last seal, hexadecimal; null: there is none. */
  hash: string | null;
  /** Entries of all seals together. */
  entries: number;
  sealedAt: Timestamp | null;
  /** Ids that were given to entries since: as many entries as that, or fewer. */
  waiting: number;
  /** Age of the oldest entry that no seal has; 0: there is none. */
  oldestSeconds: number;
  /** Transactions that began since the oldest one that still writes. */
  openTransactions: number;
}

/**
 * Ids that one seal goes through, and so its entries but for what came late: a tenth of a second of
 * work, and 40 kB of marks.
 */
const IDS_PER_SEAL = 10_000;

/** Seals the next entries; null where there are none, or where another process is sealing. */
export function sealNext(db: Db): Promise<Sealed | null> {
  return callOnWholeBooks<Sealed | null>(db, `ledger_seal(${IDS_PER_SEAL})`);
}

/** How far the seals have got, and what holds them up. */
export async function readSealsState(db: Db): Promise<SealsState> {
  const { rows } = await db.query<{ state: SealsState }>('select seals_state() as state');
  return rows[0]?.state as SealsState;
}

/** What the books say of a chain's coins, of one moment; see migrations 0029 and 0060. */
import type { ChainReconciliation, ReconciliationTerm } from '../contracts/chain.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { callOnWholeBooks } from '../ledger/wholeBooks.ts';
import type { ChainId } from './port.ts';

/** One asset's part. Amounts may be signed. */
export interface AssetBooks
  extends Pick<ChainReconciliation, 'shortfall' | 'tolerance' | 'pause' | 'expected'> {
  asset: string;
  /** Those that are not 0. */
  terms: Partial<Record<ReconciliationTerm, Amount>>;
  /** What each deposit address must have; those left out: nothing. */
  known: Record<string, Amount>;
}

export interface ChainBooks {
  /** The highest final block that is stored; the cursor where the node tells of no finality. */
  block: { height: number; hash: string };
  /** Addresses that payments leave from, and those that were handed out. */
  hot: string[];
  deposit: string[];
  assets: AssetBooks[];
}

/** CAIP-2; the statement takes no parameters, so nothing else may get into it. */
const CHAIN_ID = /^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$/;

/** Reads them in one statement; null before the first block. Grows with the addresses. */
export function readChainBooks(db: Db, chain: ChainId): Promise<ChainBooks | null> {
  if (!CHAIN_ID.test(chain)) throw new RangeError(`${chain} is no chain id`);
  return callOnWholeBooks<ChainBooks | null>(db, `chain_books('${chain}')`);
}

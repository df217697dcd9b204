import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { callOnWholeBooks } from './wholeBooks.ts';

/** `GET /v1/reconciliation` as far as the ledger knows; the chains' part is the caller's. */
export interface Books {
  /** `settledSum` and `drift` are 0 for every asset, and no finished group is unbalanced. */
  balanced: boolean;
  assets: { asset: string; settledSum: Amount; holdSum: Amount; drift: Amount }[];
  groups: { open: number; unbalanced: number };
}

/** Sums the books per asset, as of one moment. Reads everything. */
export function reconcile(db: Db): Promise<Books> {
  return callOnWholeBooks<Books>(db, 'ledger_reconcile()');
}

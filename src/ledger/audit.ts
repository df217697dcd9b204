import type { Db } from '../db/pool.ts';
import { callOnWholeBooks } from './wholeBooks.ts';

type AuditCheck = 'wallets' | 'groups' | 'deposit_addresses';

/** What an audit found. `faults` names the first bad rows of each check. */
export interface AuditReport {
  ok: boolean;
  entries: number;
  wallets: number;
  groups: number;
  faults: { check: AuditCheck; subject: string; detail: string }[];
}

/** Enough to see a pattern, few enough to read. */
const FAULTS_PER_CHECK = 20;

/**
 * Re-derives every balance, leg and group from the entries: gapless versions, running balances,
 * sums to zero, holds that ended once, reversals within what settled; and what deposit addresses
 * have together, from deposits and collections. Reads everything.
 *
 * @param patienceMs how long it may take; a minute where nothing is said
 */
export function audit(db: Db, patienceMs?: number): Promise<AuditReport> {
  return callOnWholeBooks<AuditReport>(db, `ledger_audit(${FAULTS_PER_CHECK})`, patienceMs);
}

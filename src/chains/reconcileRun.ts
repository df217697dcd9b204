/** A reconciliation that counts: noted in the books, with the pause that follows from it. */
import { amountFault } from '../contracts/amounts.ts';
import { type ChainReconciliation, ChainUnavailable } from '../contracts/chain.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { Log } from '../observability/log.ts';
import type { ChainConnection } from './connection.ts';
import { reconcileChain } from './reconcile.ts';

export interface ReconcileDeps {
  db: Db;
  chain: ChainConnection;
  log: Log;
}

export interface ReconcileRun {
  lines: ChainReconciliation[];
  /** Assets that are off by more than they may be. */
  above: string[];
  /** Those of them whose withdrawals this run paused. */
  paused: string[];
}

/**
 * Compares the chain with the books, notes what was found, and pauses the withdrawals of each
 * asset that is off by more than its tolerance. Never lifts a pause. May run any number of times.
 *
 * @param by who asked: kept with the run and the pause
 * @throws ChainUnavailable where the chain could not be read
 */
export async function runReconciliation(
  { db, chain, log }: ReconcileDeps,
  by: string,
  onProgress?: () => void,
): Promise<ReconcileRun> {
  const port = await chain();
  const lines = await reconcileChain(db, port, onProgress);
  const [first] = lines;
  if (!first) return { lines, above: [], paused: [] };
  const { rows } = await withRetry(() =>
    db.query('select chain_record_reconciliation($1, $2, $3, $4, $5) as answer', [
      port.chain,
      first.block,
      first.blockHash,
      JSON.stringify(lines),
      by,
    ]),
  );
  const { recorded, above = [], paused = [] } = rows[0]?.answer ?? {};
  if (!recorded) throw new ChainUnavailable(`Block ${first.block} changed; ask again.`);
  for (const line of lines.filter(({ asset }) => above.includes(asset))) {
    const { asset, block, missing, surplus, places } = line;
    const said = { alert: 'RECONCILIATION_DRIFT', chain: port.chain, asset, block };
    const found = { missing, surplus, places: places.slice(0, PLACES_LOGGED) };
    log.error({ ...said, ...found, paused: paused.includes(asset) }, 'Books and chain differ');
  }
  for (const { asset, block, unreadable } of lines) {
    if (unreadable === null) continue;
    const said = { alert: 'RECONCILIATION_UNREADABLE', chain: port.chain, asset, block };
    log.error({ ...said, why: unreadable }, 'An asset could not be compared');
  }
  return { lines, above, paused };
}

/** A log line is for a person; the rest is in the API. */
const PLACES_LOGGED = 5;

/**
 * Sets what an asset may be off by before its withdrawals are paused. False where no chain has
 * such an asset.
 *
 * @param missing "0": nothing may be missing
 * @param surplus null: coins too many never pause
 * @throws RangeError where one is no amount
 */
export async function setTolerance(
  db: Db,
  asset: string,
  { missing, surplus }: { missing: Amount; surplus: Amount | null },
  by: string,
): Promise<boolean> {
  for (const amount of [missing, surplus]) {
    const fault = amount === null || amount === '0' ? null : amountFault(amount, null);
    if (fault) throw new RangeError(`${amount}: ${fault}`);
  }
  const { rows } = await withRetry(() =>
    db.query('select chain_set_tolerance($1, $2, $3, $4) as answer', [asset, missing, surplus, by]),
  );
  return rows[0]?.answer !== null;
}

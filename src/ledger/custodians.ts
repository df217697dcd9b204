import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/** Whether a custodian pays the withdrawals of an asset that are opened from now on. */
export async function hasCustodian(db: Db, asset: string): Promise<boolean> {
  const { rows } = await withRetry(() =>
    db.query('select from custodian_assets where asset = $1', [asset]),
  );
  return rows.length > 0;
}

/** Limits on what is on its way out at the same time. */
import { canonicalAmount } from '../contracts/amounts.ts';
import type { OpenLimit } from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type Page, type PageRequest, pageOf, placeOf, TEXT_PART } from './page.ts';

/** Makes a limit or replaces it; open withdrawals count, whenever they began. ASSET_NOT_FOUND. */
export async function putOpenLimit(
  db: Db,
  { id, asset, owner, eachOwner, withdrawals, amount }: OpenLimit,
): Promise<{ limit: OpenLimit } | { refusal: Refusal }> {
  const { rows } = await withRetry(() =>
    db.query('select ledger_put_open_limit($1, $2, $3, $4, $5, $6) as answer', [
      id,
      asset,
      owner,
      eachOwner,
      withdrawals,
      amount === null ? null : canonicalAmount(amount),
    ]),
  );
  return rows[0]?.answer;
}

/** The limit, or null where there is none of that id. */
export async function readOpenLimit(db: Db, id: string): Promise<OpenLimit | null> {
  const { rows } = await withRetry(() =>
    db.query('select open_limit_json(l) as item from open_limits l where l.id = $1', [id]),
  );
  return rows[0]?.item ?? null;
}

/** All limits by id; they bear no time. */
export async function listOpenLimits(
  db: Db,
  { limit, cursor }: PageRequest,
): Promise<Page<OpenLimit>> {
  const [after] = placeOf(cursor, [TEXT_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select open_limit_json(l) as item, array[l.id] as place from open_limits l
       where $1::text is null or l.id > $1 order by l.id limit $2 + 1`,
      [after, limit],
    ),
  );
  return pageOf<OpenLimit>(rows, limit);
}

/** True where there was such a limit. */
export async function deleteOpenLimit(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await withRetry(() =>
    db.query('delete from open_limits where id = $1', [id]),
  );
  return rowCount === 1;
}

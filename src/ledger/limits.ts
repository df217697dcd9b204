/** Limits on what may be held for withdrawal in a UTC day. */
import { canonicalAmount } from '../contracts/amounts.ts';
import type { Limit } from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type Page, type PageRequest, pageOf, placeOf, TEXT_PART } from './page.ts';

export interface NewLimit extends Omit<Limit, 'owner' | 'wallet'> {
  /** Either an owner, whose wallets count together, or one wallet. */
  owner?: string | null | undefined;
  wallet?: string | null | undefined;
}

/**
 * Makes a limit or replaces it; it is exact at once, because what it counts is read from the legs.
 * Refuses with ASSET_NOT_FOUND, WALLET_NOT_FOUND, ASSET_MISMATCH.
 */
export async function putLimit(
  db: Db,
  { id, asset, owner, wallet, window, amount, kinds }: NewLimit,
): Promise<{ limit: Limit; created: boolean } | { refusal: Refusal }> {
  const scope = [owner ?? null, wallet ?? null];
  const { rows } = await withRetry(() =>
    db.query('select ledger_put_limit($1, $2, $3, $4, $5, $6, $7) as answer', [
      id,
      asset,
      ...scope,
      window,
      canonicalAmount(amount),
      kinds,
    ]),
  );
  return rows[0]?.answer;
}

/** The limit, or null where there is none of that id. */
export async function readLimit(db: Db, id: string): Promise<Limit | null> {
  const { rows } = await withRetry(() =>
    db.query('select limit_json(l) as item from limits l where l.id = $1', [id]),
  );
  return rows[0]?.item ?? null;
}

/** All limits by id; they bear no time. */
export async function listLimits(db: Db, { limit, cursor }: PageRequest): Promise<Page<Limit>> {
  const [after] = placeOf(cursor, [TEXT_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select limit_json(l) as item, array[l.id] as place from limits l
       where $1::text is null or l.id > $1 order by l.id limit $2 + 1`,
      [after, limit],
    ),
  );
  return pageOf<Limit>(rows, limit);
}

/** True where there was such a limit. */
export async function deleteLimit(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await withRetry(() => db.query('delete from limits where id = $1', [id]));
  return rowCount === 1;
}

/** When coins of an asset are collected, and how much of it the hot wallet shall have. */
import { canonicalAmount } from '../contracts/amounts.ts';
import type { TreasuryRule } from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type Page, type PageRequest, pageOf, placeOf, TEXT_PART } from './page.ts';

/**
 * Makes an asset's rule or replaces it. ASSET_NOT_FOUND; WRONG_KIND where it is on no chain;
 * DESTINATION_NOT_ALLOWED where the cold address is one of ours.
 */
export async function putTreasuryRule(
  db: Db,
  { asset, minAmount, maxFee, lowWater, highWater, coldAddress }: TreasuryRule,
): Promise<{ rule: TreasuryRule } | { refusal: Refusal }> {
  const marks = [lowWater, highWater].map((mark) => mark && canonicalAmount(mark));
  const { rows } = await withRetry(() =>
    db.query('select treasury_put_rule($1, $2, $3, $4, $5, $6) as answer', [
      asset,
      canonicalAmount(minAmount),
      canonicalAmount(maxFee),
      ...marks,
      coldAddress,
    ]),
  );
  return rows[0]?.answer;
}

/** The rule, or null where the asset has none. */
export async function readTreasuryRule(db: Db, asset: string): Promise<TreasuryRule | null> {
  const { rows } = await withRetry(() =>
    db.query('select treasury_rule_json(r) as item from treasury_rules r where r.asset = $1', [
      asset,
    ]),
  );
  return rows[0]?.item ?? null;
}

/** All rules by asset. */
export async function listTreasuryRules(
  db: Db,
  { limit, cursor }: PageRequest,
): Promise<Page<TreasuryRule>> {
  const [after] = placeOf(cursor, [TEXT_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select treasury_rule_json(r) as item, array[r.asset] as place from treasury_rules r
       where $1::text is null or r.asset > $1 order by r.asset limit $2 + 1`,
      [after, limit],
    ),
  );
  return pageOf<TreasuryRule>(rows, limit);
}

/** True where there was such a rule. What was opened by it goes on. */
export async function deleteTreasuryRule(db: Db, asset: string): Promise<boolean> {
  const { rowCount } = await withRetry(() =>
    db.query('delete from treasury_rules where asset = $1', [asset]),
  );
  return rowCount === 1;
}

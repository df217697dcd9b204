/** Rules that say whose withdrawals go to listed destinations alone. */
import type { DestinationRule } from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type Page, type PageRequest, pageOf, placeOf, TEXT_PART } from './page.ts';

/** Makes a rule or replaces it; it counts from the next withdrawal on. ASSET_NOT_FOUND. */
export async function putDestinationRule(
  db: Db,
  { id, asset, owner, activeAfterSeconds }: DestinationRule,
): Promise<{ rule: DestinationRule } | { refusal: Refusal }> {
  const { rows } = await withRetry(() =>
    db.query('select ledger_put_destination_rule($1, $2, $3, $4) as answer', [
      id,
      asset,
      owner,
      activeAfterSeconds,
    ]),
  );
  return rows[0]?.answer;
}

/** The rule, or null where there is none of that id. */
export async function readDestinationRule(db: Db, id: string): Promise<DestinationRule | null> {
  const text = 'select destination_rule_json(r) as item from destination_rules r where r.id = $1';
  const { rows } = await withRetry(() => db.query(text, [id]));
  return rows[0]?.item ?? null;
}

/** All rules by id; they bear no time. */
export async function listDestinationRules(
  db: Db,
  { limit, cursor }: PageRequest,
): Promise<Page<DestinationRule>> {
  const [after] = placeOf(cursor, [TEXT_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select destination_rule_json(r) as item, array[r.id] as place from destination_rules r
       where $1::text is null or r.id > $1 order by r.id limit $2 + 1`,
      [after, limit],
    ),
  );
  return pageOf<DestinationRule>(rows, limit);
}

/** True where there was such a rule. */
export async function deleteDestinationRule(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await withRetry(() =>
    db.query('delete from destination_rules where id = $1', [id]),
  );
  return rowCount === 1;
}

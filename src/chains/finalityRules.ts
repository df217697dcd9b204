/** Rules that say when deposits are credited and when they are final. */
import { canonicalAmount } from '../contracts/amounts.ts';
import type { FinalityRule } from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type Page, type PageRequest, pageOf, placeOf, TEXT_PART } from '../ledger/page.ts';
import { showAddress } from './evm/addresses.ts';

/**
 * Makes a rule or replaces it; deposits that still wait follow it at once. `source` is in the
 * chain's own canonical spelling. Refuses with ASSET_NOT_FOUND, WRONG_KIND.
 */
export async function putFinalityRule(
  db: Db,
  { id, asset, priority, minAmount, source, credit, final }: FinalityRule,
): Promise<{ rule: FinalityRule; created: boolean } | { refusal: Refusal }> {
  const { rows } = await withRetry(() =>
    db.query('select chain_put_finality_rule($1, $2, $3, $4, $5, $6, $7) as answer', [
      id,
      asset,
      priority,
      minAmount === null ? null : canonicalAmount(minAmount),
      source,
      JSON.stringify(credit),
      final === null ? null : JSON.stringify(final),
    ]),
  );
  const answer = rows[0]?.answer;
  return 'refusal' in answer ? answer : { ...answer, rule: shown(answer.rule) };
}

/** The rule, or null where there is none of that id. */
export async function readFinalityRule(db: Db, id: string): Promise<FinalityRule | null> {
  const { rows } = await withRetry(() =>
    db.query('select finality_rule_json(f) as item from finality_rules f where f.id = $1', [id]),
  );
  return rows[0] ? shown(rows[0].item) : null;
}

/** All rules by id. */
export async function listFinalityRules(
  db: Db,
  { limit, cursor }: PageRequest,
): Promise<Page<FinalityRule>> {
  const [after] = placeOf(cursor, [TEXT_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select finality_rule_json(f) as item, array[f.id] as place from finality_rules f
       where $1::text is null or f.id > $1 order by f.id limit $2 + 1`,
      [after, limit],
    ),
  );
  const page = pageOf<FinalityRule>(rows, limit);
  return { ...page, data: page.data.map(shown) };
}

/** True where there was such a rule; deposits that it held back follow the others at once. */
export async function deleteFinalityRule(db: Db, id: string): Promise<boolean> {
  const { rows } = await withRetry(() =>
    db.query('select chain_delete_finality_rule($1) as deleted', [id]),
  );
  return rows[0]?.deleted === true;
}

/** Addresses are stored in lower case and shown with their checksum. */
function shown(rule: FinalityRule): FinalityRule {
  return { ...rule, source: rule.source && showAddress(rule.source) };
}

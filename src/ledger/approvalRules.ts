/** Rules that say from which amount on a withdrawal needs how many approvals. */
import { canonicalAmount } from '../contracts/amounts.ts';
import type { ApprovalRule } from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type Page, type PageRequest, pageOf, placeOf, TEXT_PART } from './page.ts';

/**
 * Makes a rule or replaces it; withdrawals that are open keep what was asked of them. Refuses with
 * ASSET_NOT_FOUND.
 */
export async function putApprovalRule(
  db: Db,
  { id, asset, owner, walletKind, from, approvals }: ApprovalRule,
): Promise<{ rule: ApprovalRule } | { refusal: Refusal }> {
  const { rows } = await withRetry(() =>
    db.query('select ledger_put_approval_rule($1, $2, $3, $4, $5, $6) as answer', [
      id,
      asset,
      owner,
      walletKind,
      canonicalAmount(from),
      approvals,
    ]),
  );
  return rows[0]?.answer;
}

/** The rule, or null where there is none of that id. */
export async function readApprovalRule(db: Db, id: string): Promise<ApprovalRule | null> {
  const { rows } = await withRetry(() =>
    db.query('select approval_rule_json(r) as item from approval_rules r where r.id = $1', [id]),
  );
  return rows[0]?.item ?? null;
}

/** All rules by id; they bear no time. */
export async function listApprovalRules(
  db: Db,
  { limit, cursor }: PageRequest,
): Promise<Page<ApprovalRule>> {
  const [after] = placeOf(cursor, [TEXT_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select approval_rule_json(r) as item, array[r.id] as place from approval_rules r
       where $1::text is null or r.id > $1 order by r.id limit $2 + 1`,
      [after, limit],
    ),
  );
  return pageOf<ApprovalRule>(rows, limit);
}

/** True where there was such a rule. */
export async function deleteApprovalRule(db: Db, id: string): Promise<boolean> {
  const { rowCount } = await withRetry(() =>
    db.query('delete from approval_rules where id = $1', [id]),
  );
  return rowCount === 1;
}

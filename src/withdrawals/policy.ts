/** The risk check of one withdrawal: asked while the ledger waits for it, recorded once. */
import type { Group } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { readGroup } from '../ledger/groups.ts';
import { recordRisk } from '../ledger/recordRisk.ts';
import type { Log } from '../observability/log.ts';
import { type RiskCheck, type RiskQuestion, RiskUnavailable } from './riskCheck.ts';

export interface PolicyDeps {
  db: Db;
  log: Log;
  /** Null: this process was not told where to ask. */
  risk: RiskCheck | null;
}

/** Where a withdrawal stands, for its saga. */
export interface RiskLook {
  group: Group;
  /** Why there is no verdict, in a sentence; null where there is one, or none is waited for. */
  fault: string | null;
}

/** One key for ever: the first verdict is the withdrawal's. */
const STEP_KEY = '~risk';
const RISK_ACTOR = { name: 'risk', admin: false };

/**
 * Asks the risk check where the ledger waits for its verdict, and records it. Safe to run any
 * number of times: a verdict that is there is not asked for again. No verdict is no error: the
 * withdrawal stays held and its saga asks again later.
 */
export async function checkRisk(deps: PolicyDeps, groupId: string): Promise<RiskLook> {
  const { db, log, risk } = deps;
  const question = await readQuestion(db, groupId);
  let fault: string | null = null;
  if (question !== null) {
    try {
      if (risk === null) throw new RiskUnavailable('this worker has no RISK_URL');
      const { verdict, reason } = await risk(question);
      const step = { groupId, stepKey: STEP_KEY, actor: RISK_ACTOR };
      await recordRisk(db, { ...step, verdict, reason });
    } catch (error) {
      if (!(error instanceof RiskUnavailable)) throw error;
      fault = error.message;
      log.warn({ groupId, reason: fault, alert: 'RISK_CHECK_UNAVAILABLE' }, 'No risk verdict');
    }
  }
  const group = await readGroup(db, groupId);
  if (group === null) throw new Error(`There is no group ${groupId}`);
  return { group, fault };
}

/** What is to be asked, or null where no verdict is waited for. */
async function readQuestion(db: Db, groupId: string): Promise<RiskQuestion | null> {
  const { rows } = await withRetry(() =>
    db.query<RiskQuestion>({
      name: 'read_risk_question',
      text: `select g.id, g.client, w.wallet_id as wallet, s.kind as "walletKind", s.owner, w.asset,
          w.chain, amount_text(w.amount) as amount, amount_text(w.fee) as fee, w.destination,
          w.risk_meta as "riskMeta", g.metadata, rfc3339(g.created_at) as "createdAt"
        from withdrawal_policies p
        join transfer_groups g on g.id = p.group_id
        join withdrawals w on w.group_id = p.group_id
        join wallets s on s.id = w.wallet_id
        where p.group_id = $1 and p.risk = 'pending' and g.status = 'IN_PROGRESS'`,
      values: [groupId],
    }),
  );
  return rows[0] ?? null;
}

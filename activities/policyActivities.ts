/** What a withdrawal's saga asks of others before anything leaves. */
import { checkRisk, type PolicyDeps, type RiskLook } from '../src/withdrawals/policy.ts';

export type { PolicyDeps, RiskLook };

export function createPolicyActivities(deps: PolicyDeps) {
  return {
    checkRisk: (groupId: string): Promise<RiskLook> => checkRisk(deps, groupId),
  };
}

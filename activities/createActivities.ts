import { createLedgerActivities, type LedgerDeps } from './ledgerActivities.ts';
import { createPayoutActivities, type PayoutDeps } from './payoutActivities.ts';
import { createPolicyActivities, type PolicyDeps } from './policyActivities.ts';
import { createSweepActivities, type SweepDeps } from './sweepActivities.ts';

/** All activities of the saga worker; each is a few lines over a ledger function. */
export function createActivities(deps: LedgerDeps & PayoutDeps & SweepDeps & PolicyDeps) {
  return {
    ...createLedgerActivities(deps),
    ...createPayoutActivities(deps),
    ...createPolicyActivities(deps),
    ...createSweepActivities(deps),
  };
}

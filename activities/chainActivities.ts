/** What the chain's sagas do: each activity may run any number of times. */
import {
  advanceDeposit,
  type DepositLook,
  type DepositWait,
  openDeposit,
} from '../src/chains/advanceDeposit.ts';
import { FINALITY_STALL_SECONDS } from '../src/chains/deposits.ts';
import { type ReversalOutcome, reverseChainCredit } from '../src/chains/reverseCredit.ts';
import type { ChainDepositInput, ChainReversalInput } from '../src/contracts/sagas.ts';
import {
  broadcastWithdrawal,
  followWithdrawal,
  replaceWithdrawal,
  signWithdrawal,
  type WithdrawalProgress,
} from '../src/withdrawals/pay.ts';
import type { PayDeps } from '../src/withdrawals/payDeps.ts';
import { spendNonce } from '../src/withdrawals/spendNonce.ts';
import { createBatchActivities } from './batchActivities.ts';
import { createCollectionActivities } from './collectionActivities.ts';
import { createReconcileActivities } from './reconcileActivities.ts';

export type { DepositLook, DepositWait, ReversalOutcome, WithdrawalProgress };

export interface ChainDeps extends PayDeps {
  /** Credits pause when finality has not moved for so long. */
  finalityStallSeconds?: number;
}

/**
 * Registered with the sagas and on the chain's own task queue, so that a slow node slows no
 * transfer.
 */
export function createChainActivities(deps: ChainDeps) {
  const stallSeconds = deps.finalityStallSeconds ?? FINALITY_STALL_SECONDS;
  return {
    /** Postgres alone: a local activity. */
    openChainDeposit: ({ inclusionId }: ChainDepositInput) =>
      openDeposit(deps.db, inclusionId, stallSeconds),
    advanceChainDeposit: ({ inclusionId }: ChainDepositInput): Promise<DepositLook> =>
      advanceDeposit(deps.db, deps.chain, inclusionId, stallSeconds),
    reverseChainDeposit: ({ inclusionId }: ChainReversalInput): Promise<ReversalOutcome> =>
      reverseChainCredit(deps.db, deps.chain, inclusionId),
    signWithdrawal: (groupId: string): Promise<WithdrawalProgress> => signWithdrawal(deps, groupId),
    broadcastWithdrawal: (groupId: string): Promise<WithdrawalProgress> =>
      broadcastWithdrawal(deps, groupId),
    replaceWithdrawal: (groupId: string): Promise<WithdrawalProgress> =>
      replaceWithdrawal(deps, groupId),
    followWithdrawal: (groupId: string): Promise<WithdrawalProgress> =>
      followWithdrawal(deps, groupId),
    spendNonce: (groupId: string): Promise<string | null> => spendNonce(deps, groupId),
    ...createReconcileActivities(deps),
    ...createCollectionActivities(deps),
    ...createBatchActivities(deps),
  };
}

/** One look at a deposit's inclusion: credit it, cancel it, or wait. */
import type { Group } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { readGroup } from '../ledger/groups.ts';
import type { ChainConnection } from './connection.ts';
import {
  creditChainDeposit,
  type DepositProgress,
  orphanChainDeposit,
  readDepositProgress,
} from './deposits.ts';

/** Where a deposit stands, for its saga. */
export interface DepositLook {
  group: Group;
  progress: DepositProgress;
  /** What it waits for, in a sentence; null where it has ended. */
  why: string | null;
}

/**
 * Looks at the stored chain, and before a credit at the node once more: by height and by hash. The
 * ledger function then checks the stored chain again under lock.
 *
 * @throws ChainUnavailable where the node does not answer
 */
export async function advanceDeposit(
  db: Db,
  chain: ChainConnection,
  inclusionId: string,
  stallSeconds: number,
): Promise<DepositLook> {
  const progress = await readDepositProgress(db, inclusionId, stallSeconds);
  if (!progress) throw new Error(`There is no inclusion ${inclusionId}`);
  const why = await advance(db, chain, { inclusionId, stallSeconds }, progress);
  const group = await readGroup(db, progress.groupId);
  if (!group) throw new Error(`There is no group ${progress.groupId}`);
  return { group, progress, why };
}

async function advance(
  db: Db,
  chain: ChainConnection,
  { inclusionId, stallSeconds }: { inclusionId: string; stallSeconds: number },
  { canonical, waitsFor, blockHeight, blockHash }: DepositProgress,
): Promise<string | null> {
  if (!canonical) {
    const orphaned = await orphanChainDeposit(db, inclusionId);
    return orphaned.outcome === 'waiting' ? orphaned.why : null;
  }
  if (waitsFor !== null) return waitsFor;
  const port = await chain();
  const block = await port.blockByHeight(blockHeight);
  if (block?.hash !== blockHash) return 'the node no longer has its block';
  const credited = await creditChainDeposit(db, inclusionId, stallSeconds);
  return credited.outcome === 'waiting' ? credited.why : null;
}

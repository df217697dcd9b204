/** One look at a deposit's inclusion: credit it, cancel it, or wait. */
import type { Group } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { readGroup } from '../ledger/groups.ts';
import type { Decided } from './chainStep.ts';
import type { ChainConnection } from './connection.ts';
import {
  creditChainDeposit,
  type DepositProgress,
  openChainDeposit,
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

/** What a deposit waits for, as far as the stored chain knows. */
export type DepositWait = Pick<DepositLook, 'progress' | 'why'>;

/**
 * Opens the group of an inclusion. With what the stored chain has against a credit, where it is
 * anything: then there is nothing to ask the node yet.
 */
export async function openDeposit(
  db: Db,
  inclusionId: string,
  stallSeconds: number,
): Promise<Decided & { waits?: DepositWait }> {
  const opened = await openChainDeposit(db, inclusionId);
  const progress = await readDepositProgress(db, inclusionId, stallSeconds);
  if (!progress?.canonical || progress.waitsFor === null) return opened;
  return { ...opened, waits: { progress, why: progress.waitsFor } };
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

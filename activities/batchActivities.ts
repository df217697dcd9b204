/** What a batch does beside paying, which `chainActivities.ts` has: Postgres alone. */
import type { StepOutcome } from '../src/contracts/steps.ts';
import type { Db } from '../src/db/pool.ts';
import { readGroup } from '../src/ledger/groups.ts';

/** Local activities. */
export function createBatchActivities({ db }: { db: Db }) {
  return {
    /** The first step was taken when the batch was opened: this reads what it wrote. */
    readBatch: async (groupId: string): Promise<StepOutcome> => {
      const group = await readGroup(db, groupId);
      if (!group) return { outcome: 'not_found' };
      return { outcome: 'done', replayed: false, groupStatus: group.status, group };
    },
  };
}

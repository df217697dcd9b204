/** What a collection does beside paying, which `chainActivities.ts` has: Postgres alone. */
import { abandonCollection } from '../src/collection/collectionTables.ts';
import type { StepOutcome } from '../src/contracts/steps.ts';
import type { Db } from '../src/db/pool.ts';
import { readGroup } from '../src/ledger/groups.ts';

/** Of which nothing was signed for so long: by then amount and price are of another day. */
const STALE_SECONDS = 3_600;

/** Local activities. */
export function createCollectionActivities({ db }: { db: Db }) {
  return {
    /** The first step was taken when the collection was opened: this reads what it wrote. */
    readCollection: async (groupId: string): Promise<StepOutcome> => {
      const group = await readGroup(db, groupId);
      if (!group) return { outcome: 'not_found' };
      return { outcome: 'done', replayed: false, groupStatus: group.status, group };
    },
    abandonCollection: (groupId: string): Promise<boolean> =>
      abandonCollection(db, groupId, STALE_SECONDS),
  };
}

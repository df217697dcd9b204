/** What the saga of a withdrawal asks of a custodian. */

import { advanceCustody, type CustodyLook } from '../src/custody/advance.ts';
import { type CustodyAfterwards, lookAfterRelease } from '../src/custody/afterwards.ts';
import type { CustodyDeps } from '../src/custody/hear.ts';

export type { CustodyAfterwards, CustodyLook };

export function createCustodyActivities(deps: CustodyDeps) {
  return {
    advanceCustody: (groupId: string): Promise<CustodyLook> => advanceCustody(deps, groupId),
    lookAfterRelease: (groupId: string): Promise<CustodyAfterwards> =>
      lookAfterRelease(deps, groupId),
  };
}

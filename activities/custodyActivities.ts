/** What the saga of a withdrawal asks of a custodian. */
import { advanceCustody, type CustodyDeps, type CustodyLook } from '../src/custody/advance.ts';

export type { CustodyLook };

export function createCustodyActivities(deps: CustodyDeps) {
  return {
    advanceCustody: (groupId: string): Promise<CustodyLook> => advanceCustody(deps, groupId),
  };
}

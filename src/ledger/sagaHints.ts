/** Words of people that their saga is still to be told; see migration 0046. */
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

export interface OwedHint {
  /** In the order of writing. */
  id: string;
  groupId: string;
}

/** Those of one group. */
export async function hintsOf(db: Db, groupId: string): Promise<OwedHint[]> {
  const { rows } = await withRetry(() =>
    db.query<OwedHint>({
      name: 'saga_hints_of',
      text: `select id::text as id, group_id as "groupId" from saga_hints
        where group_id = $1 order by id`,
      values: [groupId],
    }),
  );
  return rows;
}

/** The oldest of all. */
export async function listHints(db: Db, limit: number): Promise<OwedHint[]> {
  const { rows } = await withRetry(() =>
    db.query<OwedHint>(
      'select id::text as id, group_id as "groupId" from saga_hints h order by h.id limit $1',
      [limit],
    ),
  );
  return rows;
}

/** Their saga was told, or nothing is left to be told to it. */
export async function forgetHints(db: Db, hints: readonly OwedHint[]): Promise<void> {
  if (hints.length === 0) return;
  await withRetry(() =>
    db.query({
      name: 'saga_hints_forget',
      text: 'delete from saga_hints where id = any ($1::bigint[])',
      values: [hints.map(({ id }) => id)],
    }),
  );
}

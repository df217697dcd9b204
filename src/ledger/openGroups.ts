/** Open groups with the request that opened them: what the sweeper needs to bring a saga back. */
import type { GroupKind, Timestamp } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type Page, pageOf, placeOf, TEXT_PART, TIME_PART } from './page.ts';

export interface OpenGroup {
  id: string;
  kind: GroupKind;
  /** CAIP-2 of the chain that decides about it, or null. */
  chain: string | null;
  /** A custodian pays it. */
  custodial: boolean;
  client: string;
  /** Step key of its first step. */
  openedBy: string;
  /** Canonical request of its first step; null where that step left no operation. */
  request: Record<string, unknown> | null;
  createdAt: Timestamp;
  expiresAt: Timestamp | null;
}

const ITEM = `jsonb_build_object('id', g.id, 'kind', g.kind, 'chain', g.chain, 'client', g.client,
  'custodial', exists (select from custody_payments c where c.group_id = g.id),
  'openedBy', g.opened_by, 'request', o.request, 'createdAt', rfc3339(g.created_at),
  'expiresAt', rfc3339(g.expires_at))`;
const SOURCE = `transfer_groups g
  left join operations o on o.group_id = g.id and o.step_key = g.opened_by`;

/**
 * Open groups that are older than so many seconds, oldest first. `after`: a page's `nextCursor`. Of
 * `parts` above 1 those of one part, from 0: a group stays in its part.
 */
export async function listOpenGroups(
  db: Db,
  {
    olderThanSeconds,
    parts = 1,
    part = 0,
    after,
    limit,
  }: {
    olderThanSeconds: number;
    parts?: number;
    part?: number;
    after: string | null;
    limit: number;
  },
): Promise<Page<OpenGroup>> {
  const [time, id] = placeOf(after, [TIME_PART, TEXT_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select ${ITEM} as item, array[rfc3339(g.created_at), g.id] as place from ${SOURCE}
       where g.status = 'IN_PROGRESS'
         and g.created_at < clock_timestamp() - make_interval(secs => $1)
         and mod(abs(hashtext(g.id)::bigint), $5::integer) = $6
         and ($2::timestamptz is null or (g.created_at, g.id) > ($2, $3))
       order by g.created_at, g.id limit $4 + 1`,
      [olderThanSeconds, time, id, limit, parts, part],
    ),
  );
  return pageOf<OpenGroup>(rows, limit);
}

/** How many groups are open. */
export async function countOpenGroups(db: Db): Promise<number> {
  const { rows } = await withRetry(() =>
    db.query("select count(*)::integer as count from transfer_groups where status = 'IN_PROGRESS'"),
  );
  return rows[0]?.count ?? 0;
}

/** One open group; null where it is finished or not there. */
export async function readOpenGroup(db: Db, id: string): Promise<OpenGroup | null> {
  const { rows } = await withRetry(() =>
    db.query(`select ${ITEM} as item from ${SOURCE} where g.id = $1 and g.status = 'IN_PROGRESS'`, [
      id,
    ]),
  );
  return rows[0]?.item ?? null;
}

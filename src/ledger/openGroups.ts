/** Open groups with the request that opened them: what the sweeper needs to bring a saga back. */
import type { GroupKind, Timestamp, WithdrawalState } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { Conditions } from './conditions.ts';
import { type Page, pageOf, placeOf, TEXT_PART, TIME_PART } from './page.ts';

export interface OpenGroup {
  id: string;
  kind: GroupKind;
  /** CAIP-2 of the chain that decides about it, or null. */
  chain: string | null;
  /** A custodian pays it. */
  custodial: boolean;
  /** Of a withdrawal; null for every other kind. */
  state: WithdrawalState | null;
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
  'state', case g.kind when 'withdrawal'
    then (select w.state from withdrawals w where w.group_id = g.id) end,
  'openedBy', g.opened_by, 'request', o.request, 'createdAt', rfc3339(g.created_at),
  'expiresAt', rfc3339(g.expires_at))`;
const REQUEST = 'left join operations o on o.group_id = g.id and o.step_key = g.opened_by';

/**
 * Open groups that were made before `until`, oldest first. Each kind's stand in the order of their
 * creation, so a page reads no more than a page of each, however many there are.
 *
 * @param after a page's `nextCursor`
 */
export async function listOpenGroups(
  db: Db,
  { until, after, limit }: { until: Timestamp; after: string | null; limit: number },
): Promise<Page<OpenGroup>> {
  const [time, id] = placeOf(after, [TIME_PART, TEXT_PART]);
  const where = new Conditions()
    .add("t.kind = k and t.status = 'IN_PROGRESS'")
    .add('t.created_at < $::timestamptz', until)
    .add('(t.created_at, t.id) > ($::timestamptz, $)', time, id);
  const oldest = (g: string, most: string) => `order by ${g}.created_at, ${g}.id limit ${most}`;
  const most = where.mark(limit + 1);
  const sql = `
    select ${ITEM} as item, array[rfc3339(g.created_at), g.id] as place from (
      select t.* from unnest(enum_range(null::group_kind)) k cross join lateral (
        select * from transfer_groups t ${where.sql} ${oldest('t', most)}) t
      ${oldest('t', most)}) g
    ${REQUEST} ${oldest('g', most)}`;
  const { rows } = await withRetry(() => db.query(sql, where.values));
  return pageOf<OpenGroup>(rows, limit);
}

/**
 * Payments that a custodian failed for good and that were given back within so many seconds, and
 * not paid all the same since: their sagas still ask about them. The first to fail come first.
 *
 * @param after a page's `nextCursor`
 */
export async function listWatchedPayments(
  db: Db,
  page: { withinSeconds: number; after: string | null; limit: number },
): Promise<Page<OpenGroup>> {
  const { withinSeconds, limit } = page;
  const [time, id] = placeOf(page.after, [TIME_PART, TEXT_PART]);
  const where = new Conditions()
    .add("p.failed_since is not null and starts_with(g.reason, 'CUSTODIAN_')")
    .add('g.finished_at > clock_timestamp() - make_interval(secs => $::float8)', withinSeconds)
    .add('(p.failed_since, p.group_id) > ($::timestamptz, $)', time, id);
  const sql = `
    select ${ITEM} as item, array[rfc3339(p.failed_since), p.group_id] as place
    from custody_payments p
    join transfer_groups g on g.id = p.group_id
    join withdrawals w on w.group_id = p.group_id and w.state = 'released' ${REQUEST}
    ${where.sql} order by p.failed_since, p.group_id limit ${where.mark(limit + 1)}`;
  const { rows } = await withRetry(() => db.query(sql, where.values));
  return pageOf<OpenGroup>(rows, limit);
}

/** So many seconds ago by the database's clock, which dates groups. */
export async function timeAgo(db: Db, seconds: number): Promise<Timestamp> {
  const { rows } = await withRetry(() =>
    db.query('select rfc3339(clock_timestamp() - make_interval(secs => $1)) as time', [seconds]),
  );
  return rows[0]?.time;
}

/** One open group; null where it is finished or not there. */
export async function readOpenGroup(db: Db, id: string): Promise<OpenGroup | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'read_open_group',
      text: `select ${ITEM} as item from transfer_groups g ${REQUEST}
        where g.id = $1 and g.status = 'IN_PROGRESS'`,
      values: [id],
    }),
  );
  return rows[0]?.item ?? null;
}

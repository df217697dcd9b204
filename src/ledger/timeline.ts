/** What happened to a group, in order: the ledger's steps, and facts told by others. */
import type { TimelineItem } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/** Something that happened to a group and is not a step of the ledger. */
export interface Fact {
  groupId: string;
  /** Such as `chain.in_block` or `signal.settle`. */
  event: string;
  actor: string;
  reason: string | null;
  detail: Record<string, unknown>;
  /** Unique within the group: a repeated call records once. */
  key: string;
}

/** Records a fact; again under the same key nothing, whatever it says. */
export async function recordFact(db: Db, fact: Fact): Promise<void> {
  const { groupId, key, event, actor, reason, detail } = fact;
  await withRetry(() =>
    db.query({
      name: 'record_fact',
      text: `insert into group_facts (group_id, key, event, actor, reason, detail)
        values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
      values: [groupId, key, event, actor, reason, JSON.stringify(detail)],
    }),
  );
}

/** The whole timeline, oldest first. A step's `detail` holds its key and its request or refusal. */
export async function readTimeline(db: Db, groupId: string): Promise<TimelineItem[]> {
  const { rows } = await withRetry(() =>
    db.query<{ item: TimelineItem }>(
      `select jsonb_build_object('at', rfc3339(t.at), 'event', t.event, 'actor', t.actor,
         'outcome', t.outcome, 'reason', t.reason, 'detail', t.detail) as item
       from (
         select o.created_at as at, 0 as rank, 0 as id, o.verb as event, o.actor,
           o.status::text as outcome,
           coalesce(r.refusal ->> 'code', o.request ->> 'reason',
             case o.verb when 'expire' then 'EXPIRED' end) as reason,
           jsonb_build_object('operation', o.step_key, 'request', o.request)
             || case when o.status = 'refused'
                then jsonb_build_object('refusal', r.refusal) else '{}' end as detail
         from operations o
           cross join lateral (select o.answer::jsonb -> 'refusal' as refusal) r
         where o.group_id = $1
         union all
         select f.created_at, 1, f.id, f.event, f.actor, 'seen', f.reason, f.detail
         from group_facts f where f.group_id = $1
       ) t
       order by t.at, t.rank, t.id`,
      [groupId],
    ),
  );
  return rows.map(({ item }) => item);
}

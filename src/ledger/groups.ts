/** Transfer groups as they stand. */
import type { Group, GroupKind, GroupStatus, WithdrawalState } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { Conditions } from './conditions.ts';
import {
  NUMBER_PART,
  type Page,
  type PageRequest,
  pageOf,
  placeOf,
  TEXT_PART,
  TIME_PART,
} from './page.ts';

export interface GroupFilter {
  status?: GroupStatus | undefined;
  /** Groups with entries in this wallet; a refused one has none. */
  wallet?: string | undefined;
  kind?: GroupKind | undefined;
  reference?: string | undefined;
  /** Withdrawals in this state, such as those that wait for an approval. */
  state?: WithdrawalState | undefined;
}

/** The group as it stands, its legs included; null where the ledger has none of that id. */
export async function readGroup(db: Db, id: string): Promise<Group | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'read_group',
      text: 'select group_json($1) as group',
      values: [id],
    }),
  );
  return rows[0]?.group ?? null;
}

/** Spelled out where there is an index: of open withdrawals. */
function inState(state: WithdrawalState | undefined): string {
  const isOpen = state !== 'settled' && state !== 'released';
  const open = isOpen ? " and w.state not in ('settled', 'released')" : '';
  return `g.id in (select w.group_id from withdrawals w where w.state = $${open})`;
}

/**
 * Groups of all kinds, newest first. A wallet's, by kind and status of finished ones too, stand in
 * the order in which it was first held in them, so that a page of them costs the same however many
 * there are, its own or others'.
 */
export async function listGroups(
  db: Db,
  filter: GroupFilter,
  page: PageRequest,
): Promise<Page<Group>> {
  const { status, state, reference, wallet } = filter;
  // What the other three ask for has an index, and is little beside all that a wallet was part of.
  const isNarrow = status === 'IN_PROGRESS' || state != null || reference != null;
  const isByWallet = wallet != null && !isNarrow;
  const { sql, values } = isByWallet ? ofWallet(filter, page) : byCreation(filter, page);
  const { rows } = await withRetry(() => db.query(sql, values));
  return pageOf<Group>(rows, page.limit);
}

function byCreation(filter: GroupFilter, { limit, cursor }: PageRequest) {
  const [time, id] = placeOf(cursor, [TIME_PART, TEXT_PART]);
  const where = conditionsOn(filter)
    .add(
      `g.id in (
        select e.group_id from ledger_entries e where e.wallet_id = $ and e.status = 'HOLD')`,
      filter.wallet,
    )
    .add('(g.created_at, g.id) < ($, $)', time, id);
  const sql = `
    select render_group(g, legs_json(g.id)) as item, array[rfc3339(g.created_at), g.id] as place
      from transfer_groups g ${where.sql}
      order by g.created_at desc, g.id desc limit ${where.mark(limit + 1)}`;
  return { sql, values: where.values };
}

/**
 * Along the wallet's own entries; of several holds in one group the first one counts. They are
 * taken one by one, each by its place in the index: a plan made for wallets at large would fetch
 * and sort all that a busy one has. The rows come as the walk finds them, and it ends at the limit.
 */
function ofWallet(filter: GroupFilter, { limit, cursor }: PageRequest) {
  const [time, id] = placeOf(cursor, [TIME_PART, NUMBER_PART]);
  const where = conditionsOn(filter);
  const wallet = where.mark(filter.wallet);
  const begin =
    time === null
      ? 'true'
      : `(e.created_at, e.id) < (${where.mark(time)}::timestamptz, ${where.mark(id)}::bigint)`;
  const next = (before: string) => `
    select e.group_id, e.created_at, e.id from ledger_entries e
    where e.wallet_id = ${wallet} and e.status = 'HOLD' and ${before}
    order by e.created_at desc, e.id desc limit 1`;
  where.add(
    `e.id = (
    select f.id from ledger_entries f
    where f.group_id = e.group_id and f.status = 'HOLD' and f.wallet_id = $
    order by f.created_at, f.id limit 1)`,
    filter.wallet,
  );
  const sql = `
    with recursive e as (
      (${next(begin)})
      union all
      select n.* from e w cross join lateral (
        ${next('(e.created_at, e.id) < (w.created_at, w.id)')}) n
    )
    select render_group(g, legs_json(g.id)) as item,
      array[rfc3339(e.created_at), e.id::text] as place
      from e cross join lateral (select * from transfer_groups where id = e.group_id limit 1) g
      ${where.sql} limit ${where.mark(limit + 1)}`;
  return { sql, values: where.values };
}

function conditionsOn({ status, kind, reference, state }: GroupFilter): Conditions {
  return (
    new Conditions()
      // Spelled out, so that the index of open groups is recognised.
      .add(
        status === 'IN_PROGRESS'
          ? "g.status = 'IN_PROGRESS' and $::text is not null"
          : 'g.status = $',
        status,
      )
      .add('g.kind = $', kind)
      .add('g.reference = $', reference)
      .add(inState(state), state)
  );
}

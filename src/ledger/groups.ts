/** Transfer groups as they stand. */
import type { Group, GroupKind, GroupStatus, WithdrawalState } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { Conditions } from './conditions.ts';
import {
  newestPage,
  type Page,
  type PageRequest,
  pageOf,
  placeOf,
  TEXT_PART,
  TIME_PART,
} from './page.ts';
import { type Seen, type Stretch, stretchQuery, walk } from './walk.ts';

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

/**
 * The group that an announcement of a deposit was answered with although it is of another id: that
 * of its txid's first announcement. Null where nothing was announced under this id.
 */
export async function readAnnounced(db: Db, id: string): Promise<Group | null> {
  const { rows } = await withRetry(() =>
    db.query({
      name: 'read_announced',
      text: `select group_json(answer::jsonb #>> '{group,id}') as group from operations
        where group_id = $1 and verb = 'deposit'`,
      values: [id],
    }),
  );
  return rows[0]?.group ?? null;
}

/** Kinds of groups that are paid out as withdrawals are. */
const PAID_OUT: GroupKind[] = ['withdrawal', 'collection', 'batch'];
/** How the groups of such states have ended; the others are open, or a rare exception. */
const ENDED: Partial<Record<WithdrawalState, GroupStatus[]>> = {
  settled: ['SETTLED'],
  released: ['RELEASED', 'CANCELLED'],
};

/**
 * Groups of all kinds, newest first. A wallet's stand in the order in which it was first held in
 * them. A page costs the same however many groups there are, of what was asked for or beside it; of
 * a wallet it may end early where few of its own match, see `walk`.
 */
export async function listGroups(
  db: Db,
  filter: GroupFilter,
  page: PageRequest,
): Promise<Page<Group>> {
  const { state, reference, wallet } = filter;
  if (wallet != null && reference == null) {
    // More than a page, since a group may be held in several times.
    return walk<Group>(page, 2 * (page.limit + 1), async (stretch) => {
      const { sql, values } = ofWallet(filter, stretch);
      return (await withRetry(() => db.query<Seen<Group>>(sql, values))).rows;
    });
  }
  const isOfFew = reference != null || (state != null && !ENDED[state]);
  const { sql, values } = isOfFew ? byCreation(filter, page) : byKind(filter, page);
  const { rows } = await withRetry(() => db.query(sql, values));
  return pageOf<Group>(rows, page.limit);
}

/**
 * The newest of the lists of each kind and status that were asked for: a page of each is read, so
 * that it costs the same however many groups there are and however few of them match.
 */
function byKind({ status, kind, state }: GroupFilter, { limit, cursor }: PageRequest) {
  const [time, id] = placeOf(cursor, [TIME_PART, TEXT_PART]);
  const where = new Conditions().add('t.kind = k and t.status = s');
  const listed = (type: string, all: string[] | undefined, one: string | undefined) => {
    const some = all?.filter((each) => one == null || each === one) ?? (one == null ? null : [one]);
    return some === null ? `enum_range(null::${type})` : `${where.mark(some)}::${type}[]`;
  };
  const kinds = listed('group_kind', state ? PAID_OUT : undefined, kind);
  const statuses = listed('group_status', state && ENDED[state], status);
  where
    .add('(select w.state from withdrawals w where w.group_id = t.id) = $', state)
    .add('(t.created_at, t.id) < ($::timestamptz, $)', time, id);
  const sql = `
    select render_group(p.g, legs_json(p.id)) as item, array[rfc3339(p.created_at), p.id] as place
      from unnest(${kinds}) k cross join unnest(${statuses}) s cross join lateral (
        select t as g, t.id, t.created_at from transfer_groups t ${where.sql}
        ${newestPage('t', limit)}) p
      ${newestPage('p', limit)}`;
  return { sql, values: where.values };
}

/** Of a reference, or withdrawals in a state that few are in: what they have an index for. */
function byCreation(filter: GroupFilter, { limit, cursor }: PageRequest) {
  const { state, reference, wallet } = filter;
  const [time, id] = placeOf(cursor, [TIME_PART, TEXT_PART]);
  const where = conditionsOn(reference == null ? { ...filter, state: undefined } : filter)
    .add('g.reference = $', reference)
    .add(
      `(select true from ledger_entries e
        where e.group_id = g.id and e.wallet_id = $ and e.status = 'HOLD' limit 1)`,
      wallet,
    )
    .add('(g.created_at, g.id) < ($, $)', time, id);
  if (reference == null) {
    // Spelled out, so that the index of those that have not ended is recognised.
    where.add(
      `g.id in (select w.group_id from withdrawals w
        where w.state = $ and w.state not in ('settled', 'released'))`,
      state,
    );
  }
  const sql = `
    select render_group(g, legs_json(g.id)) as item, array[rfc3339(g.created_at), g.id] as place
      from transfer_groups g ${where.sql}
      ${newestPage('g', limit)}`;
  return { sql, values: where.values };
}

/**
 * Along the wallet's own entries; of several holds in one group the first one counts. Whether it is
 * the first is asked by the group found, so that it is asked of those alone that match.
 */
function ofWallet(filter: GroupFilter, { after: [time, id], length, most }: Stretch) {
  const where = conditionsOn(filter);
  const wallet = where.mark(filter.wallet);
  const before = `${where.mark(time ?? 'infinity')}, ${where.mark(id ?? 0)}`;
  where.add(
    `e.id = (
    select f.id from ledger_entries f
    where f.group_id = g.id and f.status = 'HOLD' and f.wallet_id = $
    order by f.created_at, f.id limit 1)`,
    filter.wallet,
  );
  const sql = stretchQuery({
    along: `select * from next_holds(${wallet}, ${before}, ${length})`,
    item: 'render_group(g, legs_json(g.id))',
    from: `e cross join lateral (
      select * from transfer_groups where id = e.group_id limit 1) g ${where.sql}`,
    length,
    most,
  });
  return { sql, values: where.values };
}

/** Asked of each group that was found by something else. */
function conditionsOn({ status, kind, state }: GroupFilter): Conditions {
  return new Conditions()
    .add('g.status = $', status)
    .add('g.kind = $', kind)
    .add('(select w.state from withdrawals w where w.group_id = g.id) = $', state);
}

/** The immutable rows, as they are shown. */
import type { Entry, EntryStatus, LegType, Timestamp } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { Conditions } from './conditions.ts';
import { NUMBER_PART, type Page, type PageRequest, pageOf, placeOf, TIME_PART } from './page.ts';

export interface EntryFilter {
  status?: EntryStatus | undefined;
  type?: LegType | undefined;
  /** Created at this time or later. */
  from?: Timestamp | undefined;
  /** Created before this time. */
  to?: Timestamp | undefined;
}

/** A group's entries, oldest first; empty where there is no such group. */
export async function listGroupEntries(
  db: Db,
  groupId: string,
  { limit, cursor }: PageRequest,
): Promise<Page<Entry>> {
  const [after] = placeOf(cursor, [NUMBER_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select entry_json(e) as item, array[e.id::text] as place from ledger_entries e
       where e.group_id = $1 and ($2::bigint is null or e.id > $2)
       order by e.id limit $3 + 1`,
      [groupId, after, limit],
    ),
  );
  return pageOf<Entry>(rows, limit);
}

/** A wallet's entries, newest first. */
export async function listWalletEntries(
  db: Db,
  walletId: string,
  { status, type, from, to }: EntryFilter,
  { limit, cursor }: PageRequest,
): Promise<Page<Entry>> {
  const [time, id] = placeOf(cursor, [TIME_PART, NUMBER_PART]);
  const where = new Conditions()
    .add('e.wallet_id = $', walletId)
    .add('e.status = $', status)
    .add('e.type = $', type)
    .add('e.created_at >= $', from)
    .add('e.created_at < $', to)
    .add('(e.created_at, e.id) < ($::timestamptz, $::bigint)', time, id);
  const { rows } = await withRetry(() =>
    db.query(
      `select entry_json(e) as item, array[rfc3339(e.created_at), e.id::text] as place
       from ledger_entries e ${where.sql}
       order by e.created_at desc, e.id desc limit ${where.mark(limit + 1)}`,
      where.values,
    ),
  );
  return pageOf<Entry>(rows, limit);
}

/** The immutable rows, as they are shown. */
import type { Entry, EntryStatus, LegType, Timestamp } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { NUMBER_PART, oneBeyond, type Page, type PageRequest, pageOf, placeOf } from './page.ts';
import { type Seen, type Stretch, stretchQuery, walk } from './walk.ts';

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
       order by e.id ${oneBeyond(limit)}`,
      [groupId, after],
    ),
  );
  return pageOf<Entry>(rows, limit);
}

/** A wallet's entries, newest first; where few match, a page may end early, see `walk`. */
export async function listWalletEntries(
  db: Db,
  walletId: string,
  filter: EntryFilter,
  page: PageRequest,
): Promise<Page<Entry>> {
  return walk<Entry>(page, page.limit + 1, async (stretch) => {
    const query = stretchOf(walletId, filter, stretch);
    return (await withRetry(() => db.query<Seen<Entry>>(query))).rows;
  });
}

/**
 * Along the index of a wallet's entries, which has their times, and neither type nor status. It is
 * planned once a session.
 */
function stretchOf(walletId: string, filter: EntryFilter, { after, length, most }: Stretch) {
  const { status, type, from, to } = filter;
  // Of entries of that very time none has the id 0.
  const [time, id] = after[0] === null ? [to ?? 'infinity', 0] : after;
  const text = stretchQuery({
    along: 'select * from next_entries($1, $2, $3, $4, $5)',
    item: 'entry_json(e.entry)',
    from: `e where ($7::entry_status is null or (e.entry).status = $7)
      and ($8::leg_type is null or (e.entry).type = $8)
      and ($9::timestamptz is null or e.created_at < $9)`,
    length: '$5',
    most: '$6',
  });
  const values = [walletId, from ?? '-infinity', time, id, length, most, status, type, to];
  return { name: 'list_wallet_entries', text, values };
}

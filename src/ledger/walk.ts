/** Pages of a list by a filter that no index has: it is gone through from the newest on. */
import {
  NUMBER_PART,
  type Page,
  type PageRequest,
  type Place,
  pageOf,
  placeOf,
  TIME_PART,
} from './page.ts';

/** The next part of a list: so many rows behind a place. */
export interface Stretch {
  /** Where the stretch before ended; nulls at the head of the list. */
  after: (string | null)[];
  /** Rows to look at. */
  length: number;
  /** Rows to answer at most, of those that the filter lets through. */
  most: number;
}

/**
 * What a stretch has, a row for each that the filter lets through, and one with nulls where there
 * is none. `end` is the place of its last row, and null where the list was over before.
 */
export interface Seen<T> {
  item: T | null;
  place: Place | null;
  end: Place | null;
}

/**
 * The statement that reads a stretch of `e`, whose rows have `created_at` and `id`.
 *
 * @param along a query of the stretch, from the newest on
 * @param item what is told of a row, and `from` what it takes for that: `e` first, and the filter
 * @param length of the stretch, and `most` of the answer: numbers, or marks of values
 */
export function stretchQuery(parts: {
  along: string;
  item: string;
  from: string;
  length: number | string;
  most: number | string;
}): string {
  const { along, item, from, length, most } = parts;
  const place = 'array[rfc3339(e.created_at), e.id::text]';
  const newest = 'order by e.created_at desc, e.id desc';
  return `
    with e as materialized (${along})
    select p.item, p.place, (select ${place} from e ${newest} offset ${length} - 1 limit 1) as end
      from (values (1)) one left join (
        select ${item} as item, ${place} as place, e.created_at, e.id
        from ${from} ${newest} limit ${most}) p on true
      order by p.created_at desc, p.id desc`;
}

/** A stretch that finds too few is followed by one so many times as long. */
const GROWTH = 4;
/** A few milliseconds where the rows are in memory, and far below a time-out if they are not. */
const LONGEST = 5_000;
/**
 * Rows that one page looks at, tenths of a second. Beyond them it ends with what it has, and its
 * cursor goes on there.
 */
const MOST_LOOKED_AT = 20_000;

/**
 * Reads stretches until a page is full. Where few rows match it ends after 20,000 of them with
 * fewer than `limit`, even none, and says where to go on: so a page takes no longer, however long
 * the list is.
 *
 * @param first rows that a full page has to look at where all match
 */
export async function walk<T>(
  { limit, cursor }: PageRequest,
  first: number,
  read: (stretch: Stretch) => Promise<Seen<T>[]>,
): Promise<Page<T>> {
  const found: { item: T; place: Place }[] = [];
  let after = placeOf(cursor, [TIME_PART, NUMBER_PART]);
  let end: Place | null = null;
  let looked = 0;
  for (let length = first; ; length = Math.min(length * GROWTH, LONGEST)) {
    const rows = await read({ after, length, most: limit + 1 - found.length });
    for (const { item, place } of rows) if (item !== null && place) found.push({ item, place });
    end = rows[0]?.end ?? null;
    looked += length;
    if (end === null || found.length > limit || looked >= MOST_LOOKED_AT) break;
    after = end;
  }
  return pageOf(found, limit, end);
}

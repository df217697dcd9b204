/** Pages of lists: keyset cursors, so that rows which come in while somebody pages move nothing. */

/** How much of a list is asked for: `limit` rows after the place that `cursor` marks. */
export interface PageRequest {
  limit: number;
  cursor?: string | null | undefined;
}

/** A part of a list; `nextCursor` is null on the last page. */
export interface Page<T> {
  data: T[];
  nextCursor: string | null;
}

/** A cursor that no page of ours gave out; a 400 for the caller. */
export class InvalidCursor extends Error {
  override readonly name = 'InvalidCursor';
  constructor() {
    super('The cursor is not one that a page of this list gave out. Start again without one.');
  }
}

/** The place of a row in a list: what the list is ordered by, as texts. */
export type Place = string[];

/** Reads a cursor back; nulls where there is none. Throws InvalidCursor. */
export function placeOf(cursor: string | null | undefined, parts: RegExp[]): (string | null)[] {
  if (cursor == null) return parts.map(() => null);
  let place: unknown;
  try {
    place = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    throw new InvalidCursor();
  }
  const fits =
    Array.isArray(place) &&
    place.length === parts.length &&
    parts.every((part, index) => typeof place[index] === 'string' && part.test(place[index]));
  if (!fits) throw new InvalidCursor();
  return place as string[];
}

/** What stands in a cursor. */
export const TIME_PART = /^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
export const NUMBER_PART = /^\d{1,19}$/;
export const TEXT_PART = /^[^\0]{1,1000}$/;

/**
 * The end of a statement that reads one row beyond a page. The number is spelled out: where a plan
 * does not know it, it takes a tenth of all rows for what is asked for, and sorts them.
 */
export function oneBeyond(limit: number): string {
  return `limit ${BigInt(limit) + 1n}`;
}

/** The same of a list whose newest rows come first, by their time and id. */
export function newestPage(alias: string, limit: number): string {
  return `order by ${alias}.created_at desc, ${alias}.id desc ${oneBeyond(limit)}`;
}

/**
 * Makes a page of rows that were read one beyond the limit: the surplus row tells that there is a
 * next page. Where there is none, `end` is where to go on, and null where the list is over.
 */
export function pageOf<T>(
  rows: { item: T; place: Place }[],
  limit: number,
  end: Place | null = null,
): Page<T> {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? (shown.at(-1)?.place ?? end) : end;
  return {
    data: shown.map(({ item }) => item),
    nextCursor: last ? Buffer.from(JSON.stringify(last)).toString('base64url') : null,
  };
}

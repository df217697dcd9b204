import {
  InvalidCursor,
  type Page,
  type PageRequest,
  pageOf,
  placeOf,
  TEXT_PART,
} from '../ledger/page.ts';

/**
 * A page of a list that is short by nature and read whole. The cursor is the name of its last
 * item, so what comes in at the front moves nothing.
 *
 * @throws InvalidCursor where no item has that name
 */
export function pageOfWhole<T>(
  items: T[],
  nameOf: (item: T) => string,
  { limit, cursor }: PageRequest,
): Page<T> {
  const [after] = placeOf(cursor, [TEXT_PART]);
  const before = after == null ? -1 : items.findIndex((item) => nameOf(item) === after);
  if (after != null && before < 0) throw new InvalidCursor();
  const rows = items.slice(before + 1).map((item) => ({ item, place: [nameOf(item)] }));
  return pageOf(rows, limit);
}

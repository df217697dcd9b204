/** Which entry of a seal it is, where its entries do not give its hash. */
import { MARK_BYTES } from './canonical.ts';

/** What became of the entries of a seal; `at` counts from 0 in the order of their ids. */
export type Difference =
  /** Those at these places are others than were sealed. */
  | { kind: 'changed'; at: number[] }
  /** One stands there, and after it what was sealed goes on; `more` others likewise. */
  | { kind: 'added'; at: number; more: number }
  /** Before that place one is missing, and `more` others. */
  | { kind: 'gone'; at: number; more: number };

/** So many entries behind a difference say whether one is missing, too many or another. */
const LOOK_AHEAD = 16;

/**
 * Compares the marks that a seal keeps with those of the entries that are there. Null: they are the
 * same, so either somebody took care that they are, or the seal itself is wrong.
 */
export function compareMarks(sealed: Buffer, found: Buffer): Difference | null {
  const [wanted, there] = [countOf(sealed), countOf(found)];
  const first = firstDifference(sealed, 0, found, 0, Math.max(wanted, there));
  if (first === null) return null;
  const gone = likeness(sealed, first + 1, found, first);
  const added = likeness(sealed, first, found, first + 1);
  const changed = likeness(sealed, first + 1, found, first + 1);
  const more = Math.abs(wanted - there) - 1;
  if (wanted > there && gone >= changed) return { kind: 'gone', at: first, more };
  if (there > wanted && added >= changed) return { kind: 'added', at: first, more };
  // As many as before: one that took the place of another moves all between them.
  if (gone > changed && gone >= added) return { kind: 'gone', at: first, more: 0 };
  if (added > changed) return { kind: 'added', at: first, more: 0 };
  const at = [];
  for (let place = first; place < Math.min(wanted, there); place += 1) {
    if (!isSame(sealed, place, found, place)) at.push(place);
  }
  return { kind: 'changed', at };
}

function firstDifference(
  sealed: Buffer,
  from: number,
  found: Buffer,
  to: number,
  most: number,
): number | null {
  for (let place = 0; place < most; place += 1) {
    if (!isSame(sealed, from + place, found, to + place)) return place;
  }
  return null;
}

/** How many entries in a row are the same from two places on; where both end, all the rest are. */
function likeness(sealed: Buffer, from: number, found: Buffer, to: number): number {
  const isEnd = countOf(sealed) - from === countOf(found) - to;
  const left = Math.max(0, Math.min(countOf(sealed) - from, countOf(found) - to));
  const most = Math.min(left, LOOK_AHEAD);
  const same = firstDifference(sealed, from, found, to, most) ?? most;
  return same === left && isEnd ? LOOK_AHEAD : same;
}

function isSame(sealed: Buffer, from: number, found: Buffer, to: number): boolean {
  return markAt(sealed, from).equals(markAt(found, to));
}

/** Empty where there is none. */
function markAt(marks: Buffer, place: number): Buffer {
  return marks.subarray(place * MARK_BYTES, (place + 1) * MARK_BYTES);
}

function countOf(marks: Buffer): number {
  return Math.floor(marks.length / MARK_BYTES);
}

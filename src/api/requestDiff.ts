import type { LegAmount } from '../contracts/steps.ts';
import { OPAQUE_FIELDS } from '../ledger/requests.ts';
import type { FieldFault } from './problem.ts';
import { pointerOf } from './validation.ts';

/** An immediate transfer has no deadline and a manual one always has: one difference, not two. */
const FOLLOWED_BY_EXPIRES_IN = '/settle';

/** A part is not final and the whole is, where nothing is said: one difference too. */
const FOLLOWED_BY_FINAL = '/amount';

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isParts(value: unknown): value is LegAmount[] {
  return Array.isArray(value) && value.length > 0 && value.every((part) => part?.leg !== undefined);
}

/** Parts of legs are stored in the order of their numbers, so they are compared by number. */
function compareParts(
  stored: LegAmount[],
  asked: LegAmount[],
  sent: readonly { leg?: number }[],
): PropertyKey[][] {
  const before = new Map(stored.map(({ leg, amount }) => [leg, amount]));
  const changed = asked
    .filter(({ leg, amount }) => before.get(leg) !== amount)
    .map(({ leg }): PropertyKey[] => {
      const index = sent.findIndex((part) => part.leg === leg);
      return before.has(leg) ? ['legs', index, 'amount'] : ['legs', index];
    });
  const isDropped = stored.some(({ leg }) => !asked.some((part) => part.leg === leg));
  return isDropped ? [...changed, ['legs']] : changed;
}

function compare(
  stored: unknown,
  asked: unknown,
  sent: readonly { leg?: number }[],
  path: PropertyKey[] = [],
): PropertyKey[][] {
  if (path.length === 1 && isParts(stored) && isParts(asked)) {
    return compareParts(stored, asked, sent);
  }
  if (isObject(stored) && isObject(asked) && Array.isArray(stored) === Array.isArray(asked)) {
    const keys = new Set([...Object.keys(stored), ...Object.keys(asked)]);
    return [...keys].flatMap((key) => compare(stored[key], asked[key], sent, [...path, key]));
  }
  const isOpaque = path.slice(0, -1).some((key) => OPAQUE_FIELDS.includes(key));
  return stored === asked || (!isOpaque && stored == null && asked == null) ? [] : [path];
}

/** True where `final` is what the amount, or its absence, says by itself. */
function saysNothingByFinal(request: unknown): boolean {
  return isObject(request) && request.final === (request.amount == null);
}

/**
 * The fields in which two requests differ, the innermost ones, by pointer into the body as it was
 * sent.
 *
 * @param stored canonical form of what was first asked under the key
 * @param asked canonical form of what is asked now
 * @param sent `legs` of the body as it was sent, where it has some
 */
export function differingFields(
  stored: unknown,
  asked: unknown,
  sent: readonly { leg?: number }[] = [],
): FieldFault[] {
  const pointers = compare(stored, asked, sent).map(pointerOf);
  const follows = [stored, asked].every(saysNothingByFinal);
  return pointers
    .filter((pointer) => pointer !== '/expiresIn' || !pointers.includes(FOLLOWED_BY_EXPIRES_IN))
    .filter((pointer) => pointer !== '/final' || !follows || !pointers.includes(FOLLOWED_BY_FINAL))
    .map((pointer) => ({
      pointer,
      detail: 'Differs from the request that this key was first used for.',
    }));
}

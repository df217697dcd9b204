import type { FieldFault } from './problem.ts';
import { pointerOf } from './validation.ts';

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** A leg's `asset` may be left out, since its wallet says it; then it is no difference. */
function isLeftOutAsset(path: PropertyKey[], stored: unknown, asked: unknown): boolean {
  return (
    path.length === 3 &&
    path[0] === 'legs' &&
    path[2] === 'asset' &&
    (stored == null || asked == null)
  );
}

/**
 * The fields in which two canonical requests differ, the innermost ones, by pointer. Requests come
 * from the op row: what was first asked under a key, and what is asked now.
 */
export function differingFields(
  stored: unknown,
  asked: unknown,
  path: PropertyKey[] = [],
): FieldFault[] {
  if (isObject(stored) && isObject(asked) && Array.isArray(stored) === Array.isArray(asked)) {
    const keys = new Set([...Object.keys(stored), ...Object.keys(asked)]);
    return [...keys].flatMap((key) =>
      differingFields(stored[key], asked[key], [...path, key]),
    );
  }
  if (stored === asked || (stored ?? null) === (asked ?? null)) return [];
  if (isLeftOutAsset(path, stored, asked)) return [];
  return [
    {
      pointer: pointerOf(path),
      detail: 'Differs from the request that this key was first used for.',
    },
  ];
}

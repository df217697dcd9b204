/** What an attempt may cost at most, where several have said so. */
import type { ChainAsset } from '../chains/assets.ts';
import { baseUnitsWithin } from '../contracts/amounts.ts';
import type { Amount } from '../contracts/resources.ts';

/**
 * The lowest of some caps, in units of the native coin; null: none of them is one. A cap that names
 * parts of a unit is cut to whole ones: a payment must not stand still over how it is written.
 */
export function lowestCap(native: ChainAsset, caps: readonly (Amount | null)[]): bigint | null {
  const units = caps.flatMap((cap) => (cap === null ? [] : [baseUnitsWithin(cap, native.scale)]));
  return units.reduce<bigint | null>(
    (least, cap) => (least === null || cap < least ? cap : least),
    null,
  );
}

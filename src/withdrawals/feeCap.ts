/** What an attempt may cost at most, where several have said so. */
import { type ChainAsset, unitsOf } from '../chains/assets.ts';
import type { Amount } from '../contracts/resources.ts';

/** The lowest of some caps, in units of the native coin; null: none of them is one. */
export function lowestCap(native: ChainAsset, caps: readonly (Amount | null)[]): bigint | null {
  const units = caps.flatMap((cap) => (cap === null ? [] : [unitsOf(native, cap)]));
  return units.reduce<bigint | null>(
    (least, cap) => (least === null || cap < least ? cap : least),
    null,
  );
}

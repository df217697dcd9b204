import type { ChainId } from '../port.ts';

/**
 * Chains on which coins are worth money, by EIP-155 id (from chainid.network). The list cannot be
 * whole; it stops the common mistake of a development key on a well-known main net.
 */
const MAIN_NETS: ReadonlySet<string> = new Set(
  [
    1, 10, 14, 25, 30, 40, 56, 61, 66, 88, 100, 106, 108, 122, 128, 130, 137, 143, 146, 169, 196,
    204, 250, 252, 288, 314, 321, 324, 360, 480, 999, 1030, 1088, 1101, 1116, 1135, 1284, 1285,
    1329, 1625, 1868, 2000, 2222, 5000, 7000, 7700, 8217, 8453, 9001, 13371, 33139, 34443, 42161,
    42170, 42220, 42262, 43114, 43111, 48900, 55244, 57073, 59144, 60808, 80094, 81457, 98866,
    167000, 534352, 7777777, 1313161554,
  ].map((id) => `eip155:${id}`),
);

/** Whether a chain is known as one whose coins are worth money. */
export function isMainNet(chain: ChainId): boolean {
  return MAIN_NETS.has(chain);
}

/**
 * The log bloom of a block header (Ethereum yellow paper, section 4.3.1): 2048 bits, three for each
 * address and topic in the block's logs. It has false positives and no false negatives.
 */
import { hexToBytes, keccak256 } from 'viem';

const BITS_PER_VALUE = 3;
const BLOOM_BITS = 2048;

/** False: no log of the block has this value as its address or as one of its topics. */
export function mayContain(bloom: string, value: string): boolean {
  const bits = hexToBytes(bloom as `0x${string}`);
  const digest = hexToBytes(keccak256(value as `0x${string}`));
  for (let pair = 0; pair < BITS_PER_VALUE; pair++) {
    const high = digest[2 * pair] ?? 0;
    const low = digest[2 * pair + 1] ?? 0;
    const bit = ((high << 8) | low) % BLOOM_BITS;
    // Bit 0 is the lowest bit of the last byte.
    const byte = bits[bits.length - 1 - (bit >> 3)] ?? 0;
    if ((byte & (1 << (bit & 7))) === 0) return false;
  }
  return true;
}

/** No log of the block is in it. */
export function isEmpty(bloom: string): boolean {
  return /^0x0*$/.test(bloom);
}

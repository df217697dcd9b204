/** Addresses of the EVM: their spelling (EIP-55) and their derivation from an account's xpub. */
import { createHash, ECDH } from 'node:crypto';
import { getAddress, isAddress } from 'viem';
import { HDKey, publicKeyToAddress } from 'viem/accounts';

/** Indices from 2^31 on are hardened and cannot be derived from an xpub (BIP-32). */
const UNHARDENED = 2 ** 31;

/**
 * Reads an address as people write it: 20 bytes of hex. One case throughout carries no checksum and
 * is taken as it is; mixed case has to pass EIP-55, since one wrong letter is somebody else.
 *
 * @returns the lower-case address, or what is wrong with it in a sentence
 */
export function readAddress(text: string): { address: string } | { fault: string } {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text)) {
    return { fault: 'An address of this chain is 0x and 40 hexadecimal digits.' };
  }
  const digits = text.slice(2);
  const isOneCase = digits === digits.toLowerCase() || digits === digits.toUpperCase();
  if (!isOneCase && !isAddress(text, { strict: true })) {
    return { fault: 'The mixed-case checksum (EIP-55) does not match: a letter may be wrong.' };
  }
  return { address: text.toLowerCase() };
}

/** An address as it is shown: EIP-55. */
export function showAddress(address: string): string {
  return getAddress(address);
}

/**
 * Path below the account, out of the owner and not out of a counter: after a restore of an old
 * database the same owner gets the same addresses, and nobody gets another owner's. Two levels of
 * 31 bits make a collision unlikely; the database refuses one.
 *
 * @param further 0 for the owner's first address, then 1, 2 …
 */
export function depositPath(owner: string, further: number): [number, number] {
  // Postgres stores no NUL in a text, so no owner's name reads like another's further address.
  const seed = further === 0 ? owner : `${owner}\0${further}`;
  const digest = createHash('sha256').update(seed, 'utf8').digest();
  return [digest.readUInt32BE(0) % UNHARDENED, digest.readUInt32BE(4) % UNHARDENED];
}

/** @throws an Error that names the variable where it is no key, such as with a letter changed */
export function requireXpub(xpub: string): void {
  try {
    deriveAddress(xpub, [0, 0]);
  } catch {
    throw new Error(
      'HOLDFAST_DEPOSIT_XPUB is no extended public key: its checksum does not match.',
    );
  }
}

/** The lower-case address of a path below the account's extended public key. */
export function deriveAddress(xpub: string, [first, second]: readonly [number, number]): string {
  const { publicKey } = HDKey.fromExtendedKey(xpub).deriveChild(first).deriveChild(second);
  if (!publicKey) throw new Error('The extended key has no public key.');
  const whole = ECDH.convertKey(publicKey, 'secp256k1', undefined, 'hex', 'uncompressed');
  return publicKeyToAddress(`0x${whole as string}`).toLowerCase();
}

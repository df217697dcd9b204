/** Keys of the development mnemonic: the hot wallet's, and the xpub of the deposit addresses. */
import { createHash } from 'node:crypto';
import { english, mnemonicToAccount } from 'viem/accounts';

/** BIP-44 account 0, first address: the one that anvil and hardhat fund. */
export const HOT_WALLET_PATH = "m/44'/60'/0'/0/0";
/** An account of its own, so that its xpub can be given to processes that hold no private key. */
const DEPOSIT_ACCOUNT_PATH = "m/44'/60'/1'";

/** Where the key of a deposit address lies, from its path below the account (`first/second`). */
export function depositKeyPath(path: string): `m/44'/60'/${string}` {
  return `${DEPOSIT_ACCOUNT_PATH}/${path}`;
}

/** Bits of a word, and of how many of all one is the checksum's (BIP-39). */
const WORD_BITS = 11;
const CHECKSUM_SHARE = 33;

/** Libraries make keys of any words; of misspelt ones no other wallet would find the coins. */
function isMnemonic(text: string): boolean {
  const places = text.split(' ').map((word) => english.indexOf(word));
  if (places.includes(-1) || ![12, 15, 18, 21, 24].includes(places.length)) return false;
  const bits = places.map((place) => place.toString(2).padStart(WORD_BITS, '0')).join('');
  const checksum = bits.slice(bits.length - bits.length / CHECKSUM_SHARE);
  const entropy = bits.slice(0, -checksum.length).match(/.{8}/g) ?? [];
  const bytes = Uint8Array.from(entropy, (byte) => Number.parseInt(byte, 2));
  const [first = 0] = createHash('sha256').update(bytes).digest();
  return first.toString(2).padStart(8, '0').startsWith(checksum);
}

/**
 * The account of a path.
 *
 * @throws an Error that names the variable, and none of the words, where they are no mnemonic
 */
export function developmentAccount(mnemonic: string, path: `m/44'/60'/${string}`) {
  if (isMnemonic(mnemonic)) return mnemonicToAccount(mnemonic, { path });
  throw new Error(
    'HOLDFAST_DEV_MNEMONIC is no mnemonic: a word is misspelt or stands in another place (BIP-39).',
  );
}

/** Lower-case address of the wallet that withdrawals are paid from. */
export function hotWalletAddress(mnemonic: string): string {
  return developmentAccount(mnemonic, HOT_WALLET_PATH).address.toLowerCase();
}

/**
 * The extended public key that deposit addresses are derived from: who has it derives every deposit
 * address and spends from none.
 */
export function depositXpub(mnemonic: string): string {
  return developmentAccount(mnemonic, DEPOSIT_ACCOUNT_PATH).getHdKey().publicExtendedKey;
}

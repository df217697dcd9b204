/** Keys of the development mnemonic: the hot wallet's, and the xpub of the deposit addresses. */
import { mnemonicToSeedSync, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english';
import { type HDAccount, HDKey, hdKeyToAccount } from 'viem/accounts';

/** BIP-44 account 0, first address: the one that anvil and hardhat fund. */
export const HOT_WALLET_PATH = "m/44'/60'/0'/0/0";
/** An account of its own, so that its xpub can be given to processes that hold no private key. */
const DEPOSIT_ACCOUNT_PATH = "m/44'/60'/1'";

/** Where the key of a deposit address lies, from its path below the account (`first/second`). */
export function depositKeyPath(path: string): `m/44'/60'/${string}` {
  return `${DEPOSIT_ACCOUNT_PATH}/${path}`;
}

/**
 * The account of a path. viem makes keys of any twelve words; of misspelt ones no other wallet
 * would find the coins.
 *
 * @throws an Error that names the variable, and none of the words, where they are no mnemonic
 */
export function developmentAccount(mnemonic: string, path: `m/44'/60'/${string}`): HDAccount {
  if (known?.mnemonic !== mnemonic) known = { mnemonic, root: rootOf(mnemonic) };
  return hdKeyToAccount(known.root, { path });
}

/** From the words to their root go 2,048 hashes, 15 ms each time; a process has one mnemonic. */
let known: { mnemonic: string; root: HDKey } | undefined;

function rootOf(mnemonic: string): HDKey {
  if (validateMnemonic(mnemonic, wordlist)) {
    return HDKey.fromMasterSeed(mnemonicToSeedSync(mnemonic));
  }
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

/** Keys of the development mnemonic: the hot wallet's, and the xpub of the deposit addresses. */
import { mnemonicToAccount } from 'viem/accounts';

/** BIP-44 account 0, first address: the one that anvil and hardhat fund. */
export const HOT_WALLET_PATH = "m/44'/60'/0'/0/0";
/** An account of its own, so that its xpub can be given to processes that hold no private key. */
const DEPOSIT_ACCOUNT_PATH = "m/44'/60'/1'";

/** Where the key of a deposit address lies, from its path below the account (`first/second`). */
export function depositKeyPath(path: string): `m/44'/60'/${string}` {
  return `${DEPOSIT_ACCOUNT_PATH}/${path}`;
}

/** Lower-case address of the wallet that withdrawals are paid from. */
export function hotWalletAddress(mnemonic: string): string {
  return mnemonicToAccount(mnemonic, { path: HOT_WALLET_PATH }).address.toLowerCase();
}

/**
 * The extended public key that deposit addresses are derived from: who has it derives every deposit
 * address and spends from none.
 */
export function depositXpub(mnemonic: string): string {
  const { publicExtendedKey } = mnemonicToAccount(mnemonic, {
    path: DEPOSIT_ACCOUNT_PATH,
  }).getHdKey();
  return publicExtendedKey;
}

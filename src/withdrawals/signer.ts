/**
 * Who signs. The port takes a payment together with the unsigned bytes, so that a signer checks for
 * itself that the bytes pay what was asked, and never signs on somebody's word.
 */
import { keccak256 } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { callOf, parseDraft } from '../chains/evm/transactions.ts';
import type { Payment } from '../chains/port.ts';
import { HOT_WALLET_PATH } from './developmentKeys.ts';

export interface SigningRequest {
  /** The withdrawal; one group is paid once. */
  groupId: string;
  payment: Payment;
  /** Sequence number (nonce) that the ledger gave to this group. */
  sequence: number;
  /** What to sign, hex; see `ChainPort.draft`. */
  draft: string;
}

export interface Signed {
  txid: string;
  /** Signed bytes, hex. */
  bytes: string;
}

/** The signer looked and said no. Nothing was signed. */
export class SignerRefused extends Error {
  override readonly name = 'SignerRefused';
}

export interface Signer {
  /** Lower-case address that it signs for. */
  readonly sender: string;
  /** The same request gives the same bytes. Throws `SignerRefused`. */
  sign(request: SigningRequest): Promise<Signed>;
}

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

/**
 * Signs with the first key of a mnemonic in this process's memory: for development and tests.
 *
 * @throws an Error on a known main net
 */
export function createMnemonicSigner(mnemonic: string, chain: string): Signer {
  if (MAIN_NETS.has(chain)) {
    throw new Error(
      `${chain} is a main net: a mnemonic in the environment does not sign there. ` +
        'Point CHAIN_RPC_URL at a test net, or connect a signer that keeps its keys.',
    );
  }
  const account = mnemonicToAccount(mnemonic, { path: HOT_WALLET_PATH });
  const sender = account.address.toLowerCase();
  return {
    sender,
    async sign(request) {
      const transaction = checked(request, sender, chain);
      // RFC 6979 makes the signature a function of key and bytes: signing again gives the same id.
      const bytes = await account.signTransaction(transaction);
      return { txid: keccak256(bytes), bytes };
    },
  };
}

/** Decodes the bytes and compares them with the payment; throws `SignerRefused`. */
function checked({ payment, sequence, draft }: SigningRequest, sender: string, chain: string) {
  const transaction = parseDraft(draft);
  const call = callOf(payment);
  const faults = [
    payment.sender !== sender && `it signs for ${sender}, not for ${payment.sender}`,
    `eip155:${transaction.chainId}` !== chain && `the bytes are for chain ${transaction.chainId}`,
    (transaction.nonce ?? 0) !== sequence && `the bytes have nonce ${transaction.nonce}`,
    transaction.to?.toLowerCase() !== call.to && `the bytes go to ${transaction.to}`,
    (transaction.value ?? 0n) !== call.value && `the bytes carry ${transaction.value ?? 0n} wei`,
    (transaction.data ?? '0x') !== (call.data ?? '0x') && 'the bytes call something else',
  ].filter((fault) => fault !== false);
  if (faults.length > 0) throw new SignerRefused(`The signer refuses: ${faults.join('; ')}.`);
  return transaction;
}

/**
 * Who signs. The port takes a payment together with the unsigned bytes, so that a signer checks for
 * itself that the bytes pay what was asked, and never signs on somebody's word.
 */
import { keccak256 } from 'viem';
import { isMainNet } from '../chains/evm/mainNets.ts';
import { callOf, parseDraft } from '../chains/evm/transactions.ts';
import type { Payment } from '../chains/port.ts';
import { depositKeyPath, developmentAccount, HOT_WALLET_PATH } from './developmentKeys.ts';

export interface SigningRequest {
  /** The withdrawal; one group is paid once. */
  groupId: string;
  /** CAIP-2. */
  chain: string;
  /** `cancel`: the payment is a transfer of nothing to the sender itself. */
  kind: 'payment' | 'cancel';
  payment: Payment;
  /** Sequence number (nonce) that the ledger gave to this group. */
  sequence: number;
  /** What to sign, hex; see `ChainPort.draft`. */
  draft: string;
  /**
   * Which deposit address signs, as its path below their account; it pays the hot wallet alone.
   * Left out: the hot wallet signs.
   */
  path?: string;
  /** Of a payment in parts the withdrawal of each, in the order of the parts. */
  members?: readonly string[];
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
 * Signs with the first key of a mnemonic in this process's memory: for development and tests.
 *
 * @throws an Error on a known main net
 */
export function createMnemonicSigner(mnemonic: string, chain: string): Signer {
  if (isMainNet(chain)) {
    throw new Error(
      `${chain} is a main net: a mnemonic in the environment does not sign there. ` +
        'Point CHAIN_RPC_URL at a test net, or connect a signer that keeps its keys.',
    );
  }
  const account = developmentAccount(mnemonic, HOT_WALLET_PATH);
  const sender = account.address.toLowerCase();
  return {
    sender,
    async sign(request) {
      const { path } = request;
      const key = path === undefined ? account : developmentAccount(mnemonic, depositKeyPath(path));
      const transaction = checked(request, key.address.toLowerCase(), chain);
      if (path !== undefined) refuseElsewhere(request, sender);
      // RFC 6979 makes the signature a function of key and bytes: signing again gives the same id.
      const bytes = await key.signTransaction(transaction);
      return { txid: keccak256(bytes), bytes };
    },
  };
}

/** A deposit address pays the hot wallet and nobody else, or takes its own nonce. */
function refuseElsewhere({ kind, payment }: SigningRequest, hotWallet: string): void {
  const { sender, destination, units } = payment;
  const isNothing = destination === sender && units === 0n && payment.contract === null;
  if (kind === 'cancel' ? isNothing : destination === hotWallet) return;
  throw new SignerRefused(
    `The signer refuses: ${sender} is a deposit address and pays ${hotWallet} alone.`,
  );
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

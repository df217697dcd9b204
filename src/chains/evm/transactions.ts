/** Payments: unsigned bytes, sending, looking up. EIP-1559 transactions only. */
import { parseTransaction, serializeTransaction, type TransactionSerializableEIP1559 } from 'viem';
import {
  BalanceUnreadable,
  type BroadcastResult,
  type Payment,
  type TransactionStatus,
} from '../port.ts';
import { balanceCall, transferCall } from './erc20.ts';
import { payoutCall } from './payouts.ts';
import { bigintOf, countOf, quantityOf } from './quantity.ts';
import { hasSucceeded, type RawReceipt } from './receipts.ts';
import { FAILED_CALL, NodeRefused, type Rpc } from './rpc.ts';

/** Unsigned bytes of a payment. Pure: the same terms and sequence give the same bytes. */
export function draft(
  chainId: number,
  payment: Payment,
  terms: Record<string, string>,
  sequence: number,
): string {
  return serializeTransaction({
    type: 'eip1559',
    chainId,
    nonce: sequence,
    gas: termOf(terms, 'gas'),
    maxFeePerGas: termOf(terms, 'maxFeePerGas'),
    maxPriorityFeePerGas: termOf(terms, 'maxPriorityFeePerGas'),
    ...callOf(payment),
  });
}

/** One term of a fee, in wei or gas; throws RangeError where it is missing. */
export function termOf(terms: Record<string, string>, name: string): bigint {
  const text = terms[name];
  if (!text || !/^\d+$/.test(text)) throw new RangeError(`The fee terms have no ${name}.`);
  return BigInt(text);
}

/** Reads unsigned or signed bytes back, so that a signer sees what it signs. */
export function parseDraft(bytes: string): TransactionSerializableEIP1559 {
  const parsed = parseTransaction(bytes as `0x${string}`);
  if (parsed.type !== 'eip1559') throw new RangeError('These bytes are no EIP-1559 transaction.');
  return parsed as TransactionSerializableEIP1559;
}

/** Target, value and calldata of a payment. */
export function callOf(payment: Payment) {
  const { contract, destination, units, parts } = payment;
  if (parts) return payoutCall(payment, parts);
  return contract === null
    ? { to: destination as `0x${string}`, value: units, data: undefined }
    : { to: contract as `0x${string}`, value: 0n, data: transferCall(destination, units) };
}

/**
 * Words of geth, erigon, nethermind, besu, reth and anvil. "Already known" is as good as accepted:
 * the same bytes have the same id.
 */
const KNOWN = /already known|already imported|known transaction|already exists|alreadyknown/;
const SEQUENCE_USED = /nonce too low|nonce is too low|oldnonce|invalid nonce/;

/** Sends signed bytes; sending the same bytes again is harmless. Throws where no answer came. */
export async function broadcast(rpc: Rpc, signedBytes: string): Promise<BroadcastResult> {
  try {
    await rpc<string>('eth_sendRawTransaction', signedBytes);
    return { result: 'accepted' };
  } catch (error) {
    if (!(error instanceof NodeRefused)) throw error;
    if (KNOWN.test(error.words)) return { result: 'accepted' };
    if (SEQUENCE_USED.test(error.words)) return { result: 'sequence_used', detail: error.words };
    return { result: 'refused', detail: error.words };
  }
}

/** Where a transaction is as the node sees it now. */
export async function transactionStatus(rpc: Rpc, txid: string): Promise<TransactionStatus> {
  const [transaction, receipt] = await Promise.all([
    rpc<{ hash: string } | null>('eth_getTransactionByHash', txid),
    rpc<(RawReceipt & { blockNumber: string }) | null>('eth_getTransactionReceipt', txid),
  ]);
  if (receipt === null) return { state: transaction === null ? 'unknown' : 'pending' };
  return {
    state: 'included',
    height: countOf(receipt.blockNumber, 'block number'),
    blockHash: receipt.blockHash.toLowerCase(),
    succeeded: hasSucceeded(receipt),
  };
}

/**
 * Balance after the block of that height, or of that hash (EIP-1898), which a node refuses once
 * the block is no longer canonical: wei, or the token's base units.
 */
export async function balanceOf(
  rpc: Rpc,
  address: string,
  contract: string | null,
  block: number | { hash: string },
): Promise<bigint> {
  const at = stateAfter(block);
  if (contract === null) return bigintOf(await rpc('eth_getBalance', address, at), 'balance');
  const call = { to: contract, data: balanceCall(address) };
  const answer = await rpc<string>('eth_call', call, at).catch((error: unknown) => {
    if (!(error instanceof NodeRefused) || !FAILED_CALL.test(error.words)) throw error;
    throw new BalanceUnreadable(`The contract ${contract} tells no balance: ${error.words}.`);
  });
  // "0x" means that there is no contract: not a balance of zero but a wrong address.
  if (answer === '0x') throw new BalanceUnreadable(`There is no contract at ${contract}.`);
  return bigintOf(answer, 'token balance');
}

/** A block as calls about its state name it. */
export function stateAfter(block: number | { hash: string }) {
  if (typeof block === 'number') return quantityOf(block);
  return { blockHash: block.hash, requireCanonical: true };
}

/** How many transactions of the sender are in blocks (up to a height): its next free nonce. */
export async function nextSequence(rpc: Rpc, sender: string, height?: number): Promise<number> {
  const at = height === undefined ? 'latest' : quantityOf(height);
  return countOf(await rpc('eth_getTransactionCount', sender, at), 'nonce');
}

/**
 * The same after what waits for a block as well, as far as this node has it. A node that refuses to
 * tell of what waits, or tells of less than the blocks have, counts by its blocks.
 */
export async function pendingSequence(rpc: Rpc, sender: string): Promise<number> {
  const waiting = rpc('eth_getTransactionCount', sender, 'pending').catch((error: unknown) => {
    if (!(error instanceof NodeRefused)) throw error;
    return '0x0';
  });
  const [inBlocks, told] = await Promise.all([nextSequence(rpc, sender), waiting]);
  const all = countOf(told, 'pending nonce');
  return Math.max(all, inBlocks);
}

/**
 * Whether a batch has failed, so that a withdrawal that was in it may be signed by itself. Nobody's
 * word is taken for it: a node has to show, in a final block, a transaction that was signed here
 * for the batch and paid nobody.
 */
import type { Journal } from './journal.ts';
import type { SignRequest } from './request.ts';

const TIMEOUT_MS = 5_000;

interface Receipt {
  status: string;
  blockNumber: string;
  blockHash: string;
}

/**
 * The batch that a withdrawal was in, where a node proves that it paid nobody; else null.
 *
 * @throws an Error where the node does not answer: whether it failed is not known then
 */
export async function failedBatchOf(
  journal: Journal,
  { groupId, chain, kind, parts }: SignRequest,
  rpcUrl: string | undefined,
): Promise<string | null> {
  const batch = journal.batchOf(groupId);
  if (batch === undefined || rpcUrl === undefined || kind === 'cancel' || parts) return null;
  const ask = <T>(method: string, ...params: unknown[]) => call<T>(rpcUrl, method, params);
  const chainId = await ask<string>('eth_chainId');
  if (`eip155:${Number(chainId)}` !== chain) throw new Error('The node is on another chain.');
  const final = await ask<{ number: string } | null>('eth_getBlockByNumber', 'finalized', false);
  if (final === null) return null;
  for (const signed of journal.transactionsOf(batch)) {
    const receipt = await ask<Receipt | null>('eth_getTransactionReceipt', signed.txid);
    if (receipt === null || BigInt(receipt.blockNumber) > BigInt(final.number)) continue;
    const block = await ask<{ hash: string } | null>(
      'eth_getBlockByNumber',
      receipt.blockNumber,
      false,
    );
    // All that was signed for the batch has one nonce, so this one is the only one that counts.
    const paidNobody = signed.kind === 'cancel' || BigInt(receipt.status) === 0n;
    return paidNobody && block?.hash === receipt.blockHash ? batch : null;
  }
  return null;
}

async function call<T>(rpcUrl: string, method: string, params: unknown[]): Promise<T> {
  const response = await fetch(rpcUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const answer = (await response.json()) as { result?: T; error?: { message: string } };
  if (answer.result === undefined) throw new Error(`The node refused ${method}.`);
  return answer.result;
}

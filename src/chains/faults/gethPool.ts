/**
 * The transaction pool of geth (core/txpool/legacypool and core/txpool/errors.go), as far as a
 * sender meets it: its words, and that a replacement has to pay ten per cent more.
 */
import { keccak256, parseTransaction, recoverTransactionAddress } from 'viem';
import type { Call, Next, Reply } from './call.ts';

interface Pending {
  txid: string;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
}

/** geth's code for every refusal of its pool. */
const REFUSED = -32000;

function refuse(message: string): Reply {
  return { error: { code: REFUSED, message } };
}

/** A pool over one node. It judges what is sent through it and leaves the rest to the node. */
export function createGethPool(percent: number): (call: Call, next: Next) => Promise<Reply> {
  const pending = new Map<string, Pending>();
  return async (call, next) => {
    if (call.method !== 'eth_sendRawTransaction') return next(call);
    const raw = call.params[0] as `0x02${string}`;
    const [tx, sender] = await decode(raw);
    if (tx === null) return next(call);
    const nonce = tx.nonce ?? 0;
    const ask = async (method: string, ...params: unknown[]) => {
      const reply = await next({ id: 0, method, params });
      return 'result' in reply ? reply.result : null;
    };
    const used = Number(await ask('eth_getTransactionCount', sender, 'latest'));
    if (nonce < used) return refuse(`nonce too low: next nonce ${used}, tx nonce ${nonce}`);
    const txid = keccak256(raw);
    if ((await ask('eth_getTransactionByHash', txid)) !== null) return refuse('already known');
    const slot = `${sender}:${nonce}`;
    const other = pending.get(slot);
    const offer: Pending = {
      txid,
      maxFeePerGas: tx.maxFeePerGas ?? 0n,
      maxPriorityFeePerGas: tx.maxPriorityFeePerGas ?? 0n,
    };
    const isThere = other && (await ask('eth_getTransactionByHash', other.txid)) !== null;
    if (isThere && !outbids(offer, other, percent)) {
      return refuse('replacement transaction underpriced');
    }
    const reply = await next(call);
    if ('result' in reply) pending.set(slot, offer);
    return reply;
  };
}

async function decode(raw: `0x02${string}`) {
  try {
    const sender = await recoverTransactionAddress({ serializedTransaction: raw });
    return [parseTransaction(raw), sender.toLowerCase()] as const;
  } catch {
    // Bytes that are no EIP-1559 transaction are the node's to refuse.
    return [null, ''] as const;
  }
}

function outbids(offer: Pending, other: Pending, percent: number): boolean {
  const least = (fee: bigint) => (fee * BigInt(100 + percent)) / 100n;
  return (
    offer.maxFeePerGas >= least(other.maxFeePerGas) &&
    offer.maxPriorityFeePerGas >= least(other.maxPriorityFeePerGas) &&
    offer.maxFeePerGas > other.maxFeePerGas &&
    offer.maxPriorityFeePerGas > other.maxPriorityFeePerGas
  );
}

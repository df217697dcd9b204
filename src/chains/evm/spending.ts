/** Which transaction spent a nonce: nodes do not tell, so the block is looked for by its count. */
import { type Hex, keccak256, serializeTransaction } from 'viem';
import { ChainUnavailable } from '../../contracts/chain.ts';
import type { Spending, Transfer } from '../port.ts';
import { readTransferLog } from './erc20.ts';
import { readPayouts } from './payouts.ts';
import { bigintOf, countOf, quantityOf } from './quantity.ts';
import { feeOf, hasSucceeded, type RawReceipt } from './receipts.ts';
import type { Rpc } from './rpc.ts';
import { nextSequence } from './transactions.ts';

interface RawTransaction {
  hash: string;
  type: string;
  from: string;
  to: string | null;
  nonce: string;
  value: string;
  input: string;
  gas: string;
  chainId?: string;
  maxFeePerGas?: string;
  maxPriorityFeePerGas?: string;
  accessList?: readonly { address: Hex; storageKeys: readonly Hex[] }[];
  r: string;
  s: string;
  yParity?: string;
  v?: string;
}

/** Implements `ChainPort.spentBy`. */
export async function spentBy(
  rpc: Rpc,
  sender: string,
  sequence: number,
  height: number,
): Promise<Spending | null> {
  const at = await heightOf(rpc, sender, sequence, height);
  if (at === null) return null;
  const block = await rpc<{ hash: string; transactions: RawTransaction[] } | null>(
    'eth_getBlockByNumber',
    quantityOf(at),
    true,
  );
  const spent = block?.transactions.find(
    (tx) => tx.from.toLowerCase() === sender && countOf(tx.nonce, 'nonce') === sequence,
  );
  const receipt = spent && (await rpc<RawReceipt | null>('eth_getTransactionReceipt', spent.hash));
  if (!block || !spent || receipt?.blockHash.toLowerCase() !== block.hash.toLowerCase()) {
    throw new ChainUnavailable(`The node contradicts itself about nonce ${sequence} of ${sender}.`);
  }
  const txid = spent.hash.toLowerCase();
  return {
    txid,
    height: at,
    blockHash: block.hash.toLowerCase(),
    signed: signedOf(spent),
    outcome: {
      txid,
      succeeded: hasSucceeded(receipt),
      feeUnits: feeOf(receipt),
      transfers: transfersOf(spent, receipt),
      payouts: readPayouts(spent.to, hasSucceeded(receipt) ? receipt.logs : []),
    },
  };
}

/** First height at which the nonce is spent: steps back that grow, then halving in between. */
async function heightOf(
  rpc: Rpc,
  sender: string,
  sequence: number,
  height: number,
): Promise<number | null> {
  const isSpentAt = async (at: number) => (await nextSequence(rpc, sender, at)) > sequence;
  if (!(await isSpentAt(height))) return null;
  let [free, spent, step] = [-1, height, 1];
  while (spent - step > free) {
    if (await isSpentAt(spent - step)) {
      spent -= step;
      step *= 2;
    } else {
      free = spent - step;
    }
    if (free >= 0) break;
  }
  while (spent - free > 1) {
    const middle = Math.floor((spent + free) / 2);
    if (await isSpentAt(middle)) spent = middle;
    else free = middle;
  }
  return spent;
}

function transfersOf(tx: RawTransaction, receipt: RawReceipt): Transfer[] {
  if (!hasSucceeded(receipt)) return [];
  const txid = tx.hash.toLowerCase();
  const native: Transfer[] = tx.to
    ? [
        {
          txid,
          ordinal: 'native',
          contract: null,
          from: tx.from.toLowerCase(),
          to: tx.to.toLowerCase(),
          units: bigintOf(tx.value, 'transaction value'),
        },
      ]
    : [];
  const tokens = receipt.logs.flatMap((log, ordinal) => {
    const found = readTransferLog(log);
    return found ? [{ txid, ordinal: String(ordinal), ...found }] : [];
  });
  return [...native, ...tokens];
}

/** The bytes as they were signed; null for another type, or where they do not hash to the id. */
function signedOf(tx: RawTransaction): Spending['signed'] {
  const { maxFeePerGas, maxPriorityFeePerGas, chainId } = tx;
  if (tx.type !== '0x2' || !maxFeePerGas || !maxPriorityFeePerGas || !chainId) return null;
  const bytes = serializeTransaction(
    {
      type: 'eip1559',
      chainId: countOf(chainId, 'chain id'),
      nonce: countOf(tx.nonce, 'nonce'),
      gas: BigInt(tx.gas),
      maxFeePerGas: BigInt(maxFeePerGas),
      maxPriorityFeePerGas: BigInt(maxPriorityFeePerGas),
      to: tx.to as Hex | null,
      value: BigInt(tx.value),
      data: tx.input as Hex,
      accessList: tx.accessList ?? [],
    },
    { r: tx.r as Hex, s: tx.s as Hex, yParity: countOf(tx.yParity ?? tx.v ?? '0x0', 'parity') },
  );
  if (keccak256(bytes) !== tx.hash.toLowerCase()) return null;
  const terms = {
    gas: String(BigInt(tx.gas)),
    maxFeePerGas: String(BigInt(maxFeePerGas)),
    maxPriorityFeePerGas: String(BigInt(maxPriorityFeePerGas)),
  };
  return { bytes, terms };
}

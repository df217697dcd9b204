/** What a payment costs: gas at the market's price, and on a rollup what publishing it costs. */
import type { FeeQuote, Payment, PaymentFault } from '../port.ts';
import type { RawHeader } from './blocks.ts';
import type { PublishingFee } from './publishing.ts';
import { bigintOf, quantityOf } from './quantity.ts';
import { NodeRefused, type Rpc } from './rpc.ts';
import { callOf, draft } from './transactions.ts';

/** The base fee at most doubles within six full blocks, so the price stays good for a minute. */
const BASE_FEE_FACTOR = 2n;
/** Estimates are exact for the state they ran on; a fifth more covers a state that moved on. */
const GAS_MARGIN_PERCENT = 120n;
/** Plain transfers and sound tokens stay far below; more would pay for somebody's code. */
const GAS_LIMIT_CAP = 500_000n;
/** The same for one of several payments in a transaction, which share what a transaction costs. */
const PART_GAS_LIMIT_CAP = 150_000n;
/** What is published costs by its length: a nonce that nobody has reached yet. */
const LONGEST_SEQUENCE = 2 ** 32 - 1;
/** JSON-RPC error code of a reverted execution (EIP-1474, geth). */
const REVERTED_CODE = 3;

/** What is asked about a price: the node, and the chain's own word on what it costs to publish. */
export interface Market {
  rpc: Rpc;
  chainId: number;
  publishingFee: PublishingFee;
}

/** Prices a payment on the head's state, or tells in a sentence why the chain would reject it. */
export async function feeQuote(market: Market, payment: Payment): Promise<FeeQuote | PaymentFault> {
  const { rpc } = market;
  const [price, gas] = await Promise.all([marketPrice(rpc), estimateGas(rpc, payment)]);
  if (typeof gas !== 'bigint') return gas;
  const quote = quoteOf(payment, gas, price);
  if ('fault' in quote) return quote;
  return withPublishing(quote, await publishingOf(market, payment, quote.terms));
}

/** The most that publishing a payment of such terms costs, in wei; 0 where it is in the gas. */
export function publishingOf(
  { chainId, publishingFee }: Market,
  payment: Payment,
  terms: Record<string, string>,
): Promise<bigint> {
  return publishingFee(payment.sender, draft(chainId, payment, terms, LONGEST_SEQUENCE));
}

/** The quote with that fee in it, and among its terms where there is one. */
export function withPublishing({ maxFeeUnits, terms }: FeeQuote, fee: bigint): FeeQuote {
  if (fee === 0n) return { maxFeeUnits, terms };
  return { maxFeeUnits: maxFeeUnits + fee, terms: { ...terms, maxL1Fee: String(fee) } };
}

/** What a unit of gas costs, in wei. */
export interface GasPrice {
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
}

/** The price of now, with room for the base fee to rise. */
export async function marketPrice(rpc: Rpc): Promise<GasPrice> {
  const [head, tip] = await Promise.all([
    rpc<RawHeader>('eth_getBlockByNumber', 'latest', false),
    rpc<string>('eth_maxPriorityFeePerGas'),
  ]);
  const maxPriorityFeePerGas = bigintOf(tip, 'priority fee');
  const baseFee = bigintOf(head?.baseFeePerGas, 'base fee');
  return { maxFeePerGas: baseFee * BASE_FEE_FACTOR + maxPriorityFeePerGas, maxPriorityFeePerGas };
}

/** The terms of so much gas at a price; a fault where it is more gas than is paid for. */
export function quoteOf(
  { parts = [] }: Payment,
  gas: bigint,
  price: GasPrice,
): FeeQuote | PaymentFault {
  const cap = GAS_LIMIT_CAP + BigInt(parts.length) * PART_GAS_LIMIT_CAP;
  if (gas > cap) return { fault: `It would need ${gas} gas; at most ${cap} is paid for.` };
  const { maxFeePerGas, maxPriorityFeePerGas } = price;
  return {
    maxFeeUnits: gas * maxFeePerGas,
    terms: {
      gas: String(gas),
      maxFeePerGas: String(maxFeePerGas),
      maxPriorityFeePerGas: String(maxPriorityFeePerGas),
    },
  };
}

/** Gas that a payment needs on the head's state, with a margin; a fault where it would revert. */
export async function estimateGas(rpc: Rpc, payment: Payment): Promise<bigint | PaymentFault> {
  const { to, value, data } = callOf(payment);
  const call = { from: payment.sender, to, value: quantityOf(value), ...(data && { data }) };
  try {
    const gas = bigintOf(await rpc<string>('eth_estimateGas', call), 'gas estimate');
    return (gas * GAS_MARGIN_PERCENT) / 100n;
  } catch (error) {
    if (!(error instanceof NodeRefused)) throw error;
    if (error.code !== REVERTED_CODE && !error.words.includes('revert')) throw error;
    return { fault: `The chain would reject it: ${error.words}` };
  }
}

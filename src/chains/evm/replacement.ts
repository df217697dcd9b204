/** The price of a transaction that takes the place of one with the same nonce. */
import type { FeeQuote, Payment, PaymentFault } from '../port.ts';
import {
  estimateGas,
  type GasPrice,
  type Market,
  marketPrice,
  publishingOf,
  quoteOf,
  withPublishing,
} from './quotes.ts';
import { termOf } from './transactions.ts';

/** Geth asks for 10 % more on both fields, others for 12.5 %: as much is good for all. */
const RAISE_PERMILLE = 1_125n;

/** Implements `ChainPort.replacementQuote`. */
export async function replacementQuote(
  asked: Market,
  payment: Payment,
  replaced: Record<string, string>,
  sameCall: boolean,
  capUnits: bigint | null,
): Promise<FeeQuote | PaymentFault> {
  // The same call was estimated before; today's estimate may refuse what is on its way already.
  const [market, gas, publishing] = await Promise.all([
    marketPrice(asked.rpc),
    sameCall ? termOf(replaced, 'gas') : estimateGas(asked.rpc, payment),
    publishingOf(asked, payment, replaced),
  ]);
  if (typeof gas !== 'bigint') return gas;
  if (capUnits !== null && capUnits < publishing) {
    return {
      fault: `publishing it takes up to ${publishing} wei, and at most ${capUnits} is allowed`,
    };
  }
  const before = {
    maxFeePerGas: termOf(replaced, 'maxFeePerGas'),
    maxPriorityFeePerGas: termOf(replaced, 'maxPriorityFeePerGas'),
  };
  const cap = capUnits === null ? null : (capUnits - publishing) / gas;
  const price = raisedPrice(before, market, cap);
  if ('fault' in price) return price;
  const quote = quoteOf(payment, gas, price);
  return 'fault' in quote ? quote : withPublishing(quote, publishing);
}

/**
 * The market's price, but at least an eighth above `before` on both fields, and at most `cap` a
 * unit of gas. A fault where these two cannot both be. Pure; all in wei.
 */
export function raisedPrice(
  before: GasPrice,
  market: GasPrice,
  cap: bigint | null,
): GasPrice | PaymentFault {
  const least = {
    maxFeePerGas: raised(before.maxFeePerGas),
    maxPriorityFeePerGas: raised(before.maxPriorityFeePerGas),
  };
  if (cap !== null && (least.maxFeePerGas > cap || least.maxPriorityFeePerGas > cap)) {
    return {
      fault:
        `a replacement has to offer at least ${least.maxFeePerGas} wei a unit of gas, and at ` +
        `most ${cap} is allowed`,
    };
  }
  const maxFeePerGas = atMost(atLeast(market.maxFeePerGas, least.maxFeePerGas), cap);
  const tip = atLeast(market.maxPriorityFeePerGas, least.maxPriorityFeePerGas);
  return { maxFeePerGas, maxPriorityFeePerGas: atMost(tip, maxFeePerGas) };
}

function raised(wei: bigint): bigint {
  return atLeast((wei * RAISE_PERMILLE + 999n) / 1_000n, wei + 1n);
}

function atLeast(value: bigint, least: bigint): bigint {
  return value < least ? least : value;
}

function atMost(value: bigint, most: bigint | null): bigint {
  return most !== null && value > most ? most : value;
}

/** The price of a transaction that takes the place of one with the same nonce. */
import type { FeeQuote, Payment, PaymentFault } from '../port.ts';
import type { Rpc } from './rpc.ts';
import { estimateGas, type GasPrice, marketPrice, quoteOf, termOf } from './transactions.ts';

/** Geth asks for 10 % more on both fields, others for 12.5 %: as much is good for all. */
const RAISE_PERMILLE = 1_125n;

/** Implements `ChainPort.replacementQuote`. */
export async function replacementQuote(
  rpc: Rpc,
  payment: Payment,
  replaced: Record<string, string>,
  sameCall: boolean,
  capUnits: bigint | null,
): Promise<FeeQuote | PaymentFault> {
  // The same call was estimated before; today's estimate may refuse what is on its way already.
  const [market, gas] = await Promise.all([
    marketPrice(rpc),
    sameCall ? termOf(replaced, 'gas') : estimateGas(rpc, payment),
  ]);
  if (typeof gas !== 'bigint') return gas;
  const before = {
    maxFeePerGas: termOf(replaced, 'maxFeePerGas'),
    maxPriorityFeePerGas: termOf(replaced, 'maxPriorityFeePerGas'),
  };
  const price = raisedPrice(before, market, capUnits === null ? null : capUnits / gas);
  return 'fault' in price ? price : quoteOf(payment, gas, price);
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

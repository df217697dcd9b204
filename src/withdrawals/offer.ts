/** What a payment finds on the chain before it begins: coins, the next nonce, a price. */
import { amountOf, type ChainAsset } from '../chains/assets.ts';
import type { ChainPort, FeeQuote, Payment, PaymentFault } from '../chains/port.ts';
import type { PaymentOffer } from './withdrawalTables.ts';

/** Of whatever group the payment is. */
export type Offer = Omit<PaymentOffer, 'groupId' | 'inFlight'>;

/** What the chain has and asks for, as of one block. */
export async function offerOf(
  port: ChainPort,
  payment: Payment,
  { asset, native, cap }: { asset: ChainAsset; native: ChainAsset; cap: bigint | null },
): Promise<Offer> {
  const { sender, destination } = payment;
  const { height } = await port.head();
  const [balance, nativeBalance, chainNonce] = await Promise.all([
    port.balanceOf(sender, asset.contract, height),
    port.balanceOf(sender, null, height),
    // Old bytes of ours that wait for a block are unknown to a database that was restored, too.
    port.pendingSequence(sender),
  ]);
  const funds = {
    height,
    balance: amountOf(asset, balance),
    native: amountOf(native, nativeBalance),
  };
  // Without the coins the node would answer the question for a price with a revert.
  const quote =
    balance < payment.units
      ? { fault: `the sender has ${funds.balance} ${asset.code}, more is needed` }
      : await port.feeQuote(payment);
  const price = priceOf(quote, native, cap);
  return { sender, destination, chainNonce, funds, price };
}

function priceOf(
  quote: FeeQuote | PaymentFault,
  native: ChainAsset,
  capUnits: bigint | null,
): PaymentOffer['price'] {
  if ('fault' in quote) return quote;
  const maxFee = amountOf(native, quote.maxFeeUnits);
  if (capUnits === null || quote.maxFeeUnits <= capUnits) return { terms: quote.terms, maxFee };
  const cap = amountOf(native, capUnits);
  return { fault: `the network asks for up to ${maxFee} ${native.code}, ${cap} is allowed` };
}

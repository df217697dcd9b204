/** Another attempt on the same nonce: the payment with a higher fee, or its cancellation. */
import { amountOf, type ChainAsset, readChainAssets } from '../chains/assets.ts';
import type { ChainPort } from '../chains/port.ts';
import { lowestCap } from './feeCap.ts';
import type { PayDeps } from './payDeps.ts';
import { beginReplacement, declineReplacement, wishedFee } from './replacementTables.ts';
import { cancellationOf, paymentOf, signAttempt } from './signAttempt.ts';
import {
  type Attempt,
  observeWithdrawal,
  readWithdrawal,
  type WithdrawalFacts,
} from './withdrawalTables.ts';

/** Reasons that a withdrawal ends with, by what its cancellation came from. */
const CANCELLED_ON_CHAIN = 'CANCELLED_ON_CHAIN';
const SIGNER_REFUSED = 'SIGNER_REFUSED';

/**
 * Makes and signs the replacement that is due, if one is; it is sent like any attempt. Safe to run
 * again after any crash: an attempt that was begun is signed before another one begins.
 *
 * @returns why nothing is replaced although it is due, in a sentence; null where all is well
 */
export async function replaceAttempt(deps: PayDeps, groupId: string): Promise<string | null> {
  const { db } = deps;
  const facts = await readWithdrawal(db, groupId);
  const last = facts?.attempt;
  if (!facts || !last) return null;
  const [port, assets] = await Promise.all([deps.chain(), readChainAssets(db, facts.chain)]);
  const asset = assets.all.find(({ code }) => code === facts.asset);
  if (!asset) throw new Error(`${facts.asset} is not registered on ${facts.chain}`);
  if (last.outcome === 'signing') {
    await signAttempt(deps, port, facts, asset, last);
    return null;
  }
  const { stuckAfterSeconds, bumpAfterSeconds } = deps;
  const seen = await observeWithdrawal(db, groupId, stuckAfterSeconds, bumpAfterSeconds);
  if (seen.replacement === null) return null;
  const wished = await wishedFee(db, groupId);
  const isAsked = seen.replacement === 'cancel' || seen.group.withdrawal?.state === 'replacing';
  if (!isAsked && wished === null && (await port.nextSequence(last.sender)) < last.nonce) {
    return `it waits behind an earlier nonce than its own, ${last.nonce}`;
  }
  const kind = seen.replacement === 'cancel' ? 'cancel' : last.kind;
  const native = assets.native ?? asset;
  const cap = lowestCap(native, [deps.feeCap, facts.feeCap, wished]);
  const quote = await quoteOf(port, facts, asset, last, kind, cap);
  if ('fault' in quote) {
    await declineReplacement(db, groupId, kind, quote.fault);
    return quote.fault;
  }
  const begun = await beginReplacement(db, {
    groupId,
    replaces: last.no,
    kind,
    destination: kind === 'cancel' ? last.sender : last.destination,
    price: { terms: quote.terms, maxFee: amountOf(native, quote.maxFeeUnits) },
    reason: reasonOf(kind, last),
  });
  if (begun.result === 'signing') await signAttempt(deps, port, facts, asset, begun.attempt);
  return null;
}

function quoteOf(
  port: ChainPort,
  facts: WithdrawalFacts,
  asset: ChainAsset,
  last: Attempt,
  kind: Attempt['kind'],
  capUnits: bigint | null,
) {
  const payment =
    kind === 'cancel' ? cancellationOf(last.sender) : paymentOf(last.sender, facts, asset);
  return port.replacementQuote(payment, priceToBeat(last), kind === last.kind, capUnits);
}

/**
 * The terms that a replacement has to outbid. The last attempt is a refused one only where none was
 * signed: then no node has anything on the nonce, and a signer that goes on refusing would else
 * drive the price up to the cap, above which the nonce stays blocked.
 */
export function priceToBeat({ terms, outcome }: Attempt): Attempt['terms'] {
  if (outcome !== 'refused') return terms;
  return { ...terms, maxFeePerGas: '0', maxPriorityFeePerGas: '0' };
}

function reasonOf(kind: Attempt['kind'], last: Attempt): string {
  if (kind === 'payment') return 'in no block with the fee that it offered';
  return last.outcome === 'refused' ? SIGNER_REFUSED : CANCELLED_ON_CHAIN;
}

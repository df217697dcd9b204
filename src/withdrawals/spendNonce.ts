/**
 * A nonce that is open again, since what had spent it is in no block any more: of a group that
 * ended without paying. A transfer of nothing takes it, so that the old bytes pay nobody and later
 * payments of the sender go on. Whichever a block takes, the late payments' migration books it.
 */
import { amountOf, type ChainAsset, readChainAssets } from '../chains/assets.ts';
import type { ChainPort } from '../chains/port.ts';
import { lowestCap } from './feeCap.ts';
import { beginSpending, noteTaken, type OpenNonce, readOpenNonce } from './openNonceTables.ts';
import { broadcastWithdrawal } from './pay.ts';
import type { PayDeps } from './payDeps.ts';
import { priceToBeat } from './replace.ts';
import { signedTransactions } from './replacementTables.ts';
import { cancellationOf, signAttempt } from './signAttempt.ts';
import { spentForGood } from './spentForGood.ts';
import { type Attempt, readWithdrawal, type WithdrawalFacts } from './withdrawalTables.ts';

/** What is waited for, in a sentence; null: nothing is left to be done. */
export type NonceWait = string | null;

/** Goes as far as it can be gone now. Safe to run any number of times, after any crash. */
export async function spendNonce(deps: PayDeps, groupId: string): Promise<NonceWait> {
  const { db } = deps;
  const open = await readOpenNonce(db, groupId, deps.bumpAfterSeconds);
  const facts = await readWithdrawal(db, groupId);
  const last = facts?.attempt;
  if (open === null || !facts || !last) return null;
  const port = await deps.chain();
  const next = await port.nextSequence(last.sender);
  if (next > last.nonce) return lookWhatTookIt(deps, port, groupId, last, open);
  const isFirst = last.kind === 'payment';
  let why: NonceWait = null;
  // Behind an earlier nonce no fee helps; the first transfer is signed all the same, to be there.
  if (open.dueInSeconds === 0 && (isFirst || next === last.nonce || last.bytes === null)) {
    why = await sign(deps, port, groupId, facts, last);
  }
  const sent = await readWithdrawal(db, groupId);
  const after = await readOpenNonce(db, groupId, deps.bumpAfterSeconds);
  if (after?.refused) why ??= 'the signer refuses a transfer of nothing; it is asked again';
  if (sent?.attempt?.kind !== 'cancel') return why ?? 'the bytes that ended it go out again';
  if (sent.attempt.bytes === null) return why ?? 'it is not signed yet';
  // Also where the signer refuses a higher fee: a node may have dropped what it signed before.
  const told = await broadcastWithdrawal(deps, groupId);
  return why ?? told.why ?? `a transfer of nothing is out on nonce ${last.nonce}`;
}

async function sign(
  deps: PayDeps,
  port: ChainPort,
  groupId: string,
  facts: WithdrawalFacts,
  last: Attempt,
): Promise<NonceWait> {
  const { db, log } = deps;
  const assets = await readChainAssets(db, facts.chain);
  const asset = assets.all.find(({ code }) => code === facts.asset);
  if (!asset) throw new Error(`${facts.asset} is not registered on ${facts.chain}`);
  const said = { groupId, sender: last.sender, nonce: last.nonce, alert: 'NONCE_OPEN' };
  let attempt = last;
  if (last.outcome !== 'signing') {
    const quote = await quoteOf(deps, port, facts, assets.native ?? asset, last);
    if ('fault' in quote) {
      const next = nextStep(deps, facts, assets.native ?? asset);
      log.error({ ...said, why: quote.fault, next }, 'a nonce is open, and nothing is spent on it');
      return `no transfer of nothing is made: ${quote.fault}; ${next}`;
    }
    const begun = await beginSpending(db, {
      groupId,
      replaces: last.no,
      destination: last.sender,
      price: quote,
      afterSeconds: deps.bumpAfterSeconds,
    });
    if (begun.result === 'over') return null;
    attempt = begun.attempt;
    log.error(
      said,
      'what ended this group is in no block any more; a transfer of nothing goes out',
    );
  }
  await signAttempt(deps, port, facts, asset, attempt);
  return null;
}

/** What a person can do about a price: a collection keeps the cap that it was opened with. */
function nextStep({ feeCap }: PayDeps, facts: WithdrawalFacts, native: ChainAsset): string {
  const isOfItsRule = lowestCap(native, [feeCap, facts.feeCap]) !== lowestCap(native, [feeCap]);
  return isOfItsRule
    ? `its rule allowed ${facts.feeCap} ${native.code} when it was opened: wait until it costs less`
    : 'raise WITHDRAWAL_MAX_NETWORK_FEE of the workers, or wait until it costs less';
}

async function quoteOf(
  deps: PayDeps,
  port: ChainPort,
  facts: WithdrawalFacts,
  native: ChainAsset,
  last: Attempt,
) {
  const cap = lowestCap(native, [deps.feeCap, facts.feeCap]);
  const payment = cancellationOf(last.sender);
  const isSame = last.kind === 'cancel';
  const quote = await port.replacementQuote(payment, priceToBeat(last), isSame, cap);
  if ('fault' in quote) return quote;
  return { terms: quote.terms, maxFee: amountOf(native, quote.maxFeeUnits) };
}

/** One of ours is read by the watcher; something else has to be final before anybody goes on. */
async function lookWhatTookIt(
  deps: PayDeps,
  port: ChainPort,
  groupId: string,
  last: Attempt,
  { final }: OpenNonce,
): Promise<NonceWait> {
  const { sender, nonce } = last;
  for (const txid of await signedTransactions(deps.db, groupId)) {
    const { state } = await port.transactionStatus(txid);
    if (state === 'included') return 'a block has one of its transactions, and is about to be read';
  }
  const waits = `nonce ${nonce} was spent by something else; that is not final yet`;
  const spent = final && (await spentForGood(deps.db, port, last, final));
  if (!final || !spent) return waits;
  if (!(await noteTaken(deps.db, groupId, final, spent.txid))) return waits;
  const said = { groupId, txid: spent.txid, nonce, sender, alert: 'NONCE_TAKEN' };
  deps.log.error(
    said,
    'something else spent the nonce of a group that ended; the sender is paused',
  );
  return null;
}

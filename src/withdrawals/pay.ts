/**
 * Paying a withdrawal: sign, send, follow. Each is safe to run any number of times, after any
 * crash: what was signed is never signed anew, what was sent is sent again as the same bytes.
 */
import { amountOf, type ChainAsset, readChainAssets, unitsOf } from '../chains/assets.ts';
import type { ChainConnection } from '../chains/connection.ts';
import type { ChainPort, Payment } from '../chains/port.ts';
import { ChainUnavailable } from '../contracts/chain.ts';
import type { Group } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { readGroup } from '../ledger/groups.ts';
import type { SignerConnection } from './hotWallet.ts';
import {
  type Attempt,
  beginSigning,
  observeWithdrawal,
  type PaymentOffer,
  readWithdrawal,
  recordBroadcast,
  recordSigned,
  settleChainWithdrawal,
  type WithdrawalFacts,
} from './withdrawalTables.ts';

export interface PayDeps {
  db: Db;
  chain: ChainConnection;
  signer: SignerConnection;
  /** After so many seconds a payment that is in no block is `stuck`; it stays held. */
  stuckAfterSeconds: number;
}

/** Where a withdrawal stands, for its saga. */
export interface WithdrawalProgress {
  group: Group;
  /** What it waits for, in a sentence; null where it goes on. */
  why: string | null;
  /** Look again after so many seconds at the latest; null: nothing hurries. */
  lookAgainInSeconds: number | null;
}

/** Signs the payment, once. Waits where it cannot be paid now; then it is still releasable. */
export async function signWithdrawal(deps: PayDeps, groupId: string): Promise<WithdrawalProgress> {
  const { db } = deps;
  const facts = await factsOf(db, groupId);
  if (facts.attempt?.bytes) return progress(db, groupId, null);
  const [port, signer, assets] = await Promise.all([
    deps.chain(),
    deps.signer(),
    readChainAssets(db, facts.chain),
  ]);
  if (port.chain !== facts.chain) {
    const why = `The node is on ${port.chain}, the withdrawal on ${facts.chain}.`;
    return progress(db, groupId, why);
  }
  const asset = assets.all.find(({ code }) => code === facts.asset);
  if (!asset) throw new Error(`${facts.asset} is not registered on ${facts.chain}`);
  const payment = paymentOf(signer.sender, facts, asset);
  let { attempt } = facts;
  if (!attempt) {
    const offer = await offerOf(port, groupId, payment, asset, assets.native ?? asset);
    const begun = await beginSigning(db, offer);
    if (begun.result !== 'signing') {
      return progress(db, groupId, begun.result === 'waiting' ? begun.why : null);
    }
    attempt = begun.attempt;
  }
  await signAttempt(deps, port, payment, attempt);
  return progress(db, groupId, null);
}

/** The terms and the nonce are stored, so signing again after a crash gives the same bytes. */
async function signAttempt(deps: PayDeps, port: ChainPort, payment: Payment, attempt: Attempt) {
  const signer = await deps.signer();
  const { groupId, nonce, terms } = attempt;
  // The sender is the attempt's: a signer that was exchanged meanwhile has to refuse.
  const own = { ...payment, sender: attempt.sender };
  const draft = port.draft(own, terms, nonce);
  const signed = await signer.sign({ groupId, payment: own, sequence: nonce, draft });
  await recordSigned(deps.db, attempt.id, signed);
}

function paymentOf(sender: string, facts: WithdrawalFacts, asset: ChainAsset): Payment {
  return {
    sender,
    destination: facts.destination.toLowerCase(),
    contract: asset.contract,
    units: unitsOf(asset, facts.amount),
  };
}

/** What the chain has and asks for, as of one block. */
async function offerOf(
  port: ChainPort,
  groupId: string,
  payment: Payment,
  asset: ChainAsset,
  native: ChainAsset,
): Promise<PaymentOffer> {
  const { sender, destination } = payment;
  const { height } = await port.head();
  const [balance, nativeBalance, chainNonce] = await Promise.all([
    port.balanceOf(sender, asset.contract, height),
    port.balanceOf(sender, null, height),
    port.nextSequence(sender),
  ]);
  const funds = {
    height,
    balance: amountOf(asset, balance),
    native: amountOf(native, nativeBalance),
  };
  // Without the coins the node would answer the question for a price with a revert.
  const quote =
    balance < payment.units
      ? { fault: `the hot wallet has ${funds.balance} ${asset.code}, more is needed` }
      : await port.feeQuote(payment);
  const price =
    'fault' in quote ? quote : { terms: quote.terms, maxFee: amountOf(native, quote.maxFeeUnits) };
  return { groupId, sender, destination, chainNonce, funds, price };
}

/** Sends the signed bytes, unless they stand in a block. Whether the node took them is recorded. */
export async function broadcastWithdrawal(
  { db, chain }: PayDeps,
  groupId: string,
): Promise<WithdrawalProgress> {
  const { attempt, isIncluded } = await factsOf(db, groupId);
  if (!attempt?.bytes || isIncluded) return progress(db, groupId, null);
  const sent = await send(await chain(), attempt);
  await recordBroadcast(db, attempt.id, sent.taken, sent.detail);
  return progress(db, groupId, sent.taken ? null : `Not known where it is: ${sent.detail}`);
}

/** No answer proves nothing, so it is an outcome here and not an error. */
async function send(
  port: ChainPort,
  { bytes, txid }: Attempt,
): Promise<{ taken: boolean; detail: string | null }> {
  try {
    const answer = await port.broadcast(bytes ?? '');
    if (answer.result === 'accepted') return { taken: true, detail: null };
    // A spent nonce is most often this very transaction: its id says.
    const { state } = await port.transactionStatus(txid ?? '');
    return { taken: state !== 'unknown', detail: answer.detail };
  } catch (error) {
    if (!(error instanceof ChainUnavailable)) throw error;
    return { taken: false, detail: error.message };
  }
}

/** Brings the group to what the chain says; ends it where the chain's word is final. */
export async function followWithdrawal(
  deps: PayDeps,
  groupId: string,
): Promise<WithdrawalProgress> {
  const { db } = deps;
  const observed = await observeWithdrawal(db, groupId, deps.stuckAfterSeconds);
  const { group, final, txid, stuckInSeconds } = observed;
  if (final === null || txid === null) {
    return { group, why: null, lookAgainInSeconds: stuckInSeconds };
  }
  const port = await deps.chain();
  if (!(await isStillThere(port, txid, final))) {
    return { group, why: 'The node no longer has its block.', lookAgainInSeconds: null };
  }
  const settled = await settleChainWithdrawal(db, final.inclusionId);
  return progress(db, groupId, settled.outcome === 'waiting' ? settled.why : null);
}

/** Asks the node once more, by height and by id, before the end is written. */
async function isStillThere(
  port: ChainPort,
  txid: string,
  { height, blockHash }: { height: number; blockHash: string },
): Promise<boolean> {
  const [block, status] = await Promise.all([
    port.blockByHeight(height),
    port.transactionStatus(txid),
  ]);
  return block?.hash === blockHash && status.state === 'included' && status.blockHash === blockHash;
}

async function factsOf(db: Db, groupId: string): Promise<WithdrawalFacts> {
  const facts = await readWithdrawal(db, groupId);
  if (!facts) throw new Error(`${groupId} is no withdrawal on a chain`);
  return facts;
}

async function progress(db: Db, groupId: string, why: string | null): Promise<WithdrawalProgress> {
  const group = await readGroup(db, groupId);
  if (!group) throw new Error(`There is no group ${groupId}`);
  return { group, why, lookAgainInSeconds: null };
}

/**
 * Paying a withdrawal: sign, send, follow. Each is safe to run any number of times, after any
 * crash: what was signed is never signed anew, what was sent is sent again as the same bytes.
 */
import { readChainAssets } from '../chains/assets.ts';
import type { ChainPort } from '../chains/port.ts';
import { ChainUnavailable } from '../contracts/chain.ts';
import type { Group } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { readGroup } from '../ledger/groups.ts';
import { waitForBatch } from './batchTables.ts';
import { isCheaperAlone } from './cheaperAlone.ts';
import { lowestCap } from './feeCap.ts';
import { offerOf } from './offer.ts';
import type { PayDeps } from './payDeps.ts';
import { proveSpent } from './prove.ts';
import { SignerUnavailable } from './remoteSigner.ts';
import { replaceAttempt } from './replace.ts';
import { signedTransactions } from './replacementTables.ts';
import { paymentOf, signAttempt } from './signAttempt.ts';
import {
  type Attempt,
  beginSigning,
  observeWithdrawal,
  readWithdrawal,
  recordBroadcast,
  settleChainWithdrawal,
  type WithdrawalFacts,
  waitForRoom,
} from './withdrawalTables.ts';

/** Where a withdrawal stands, for its saga. */
export interface WithdrawalProgress {
  group: Group;
  /** What it waits for, in a sentence; null where it goes on. */
  why: string | null;
  /** Look again after so many seconds at the latest; null: nothing hurries. */
  lookAgainInSeconds: number | null;
  /** Another attempt takes this one's place, with a higher fee or to cancel it. */
  replace: boolean;
}

/** Signs the payment, once. Waits where it cannot be paid now; then it is still releasable. */
export async function signWithdrawal(deps: PayDeps, groupId: string): Promise<WithdrawalProgress> {
  const { db } = deps;
  const facts = await factsOf(db, groupId);
  if (facts.attempt?.bytes || facts.attempt?.outcome === 'refused') {
    return progress(db, groupId, null);
  }
  const together = await paidTogether(deps, groupId, facts);
  if (together !== null) return together;
  const connected = await connect(deps);
  if (connected instanceof Error) {
    // Nothing is signed: it stays held, where its deadline and a release still count.
    if (facts.attempt === null) return progress(db, groupId, connected.message);
    throw connected;
  }
  const { port, signer } = connected;
  if (port.chain !== facts.chain) {
    const why = `The node is on ${port.chain}, the withdrawal on ${facts.chain}.`;
    return progress(db, groupId, why);
  }
  const sender = facts.source?.address ?? signer.sender;
  if (facts.attempt === null) {
    const why = await waitForRoom(db, groupId, sender, deps.inFlight);
    if (why !== null) return progress(db, groupId, why);
  }
  const assets = await readChainAssets(db, facts.chain);
  const asset = assets.all.find(({ code }) => code === facts.asset);
  if (!asset) throw new Error(`${facts.asset} is not registered on ${facts.chain}`);
  const payment = paymentOf(sender, facts, asset);
  let { attempt } = facts;
  if (!attempt) {
    const native = assets.native ?? asset;
    const cap = lowestCap(native, [deps.feeCap, facts.feeCap]);
    const offer = await offerOf(port, payment, { asset, native, cap });
    const begun = await beginSigning(db, { ...offer, groupId, inFlight: deps.inFlight });
    if (begun.result === 'waiting' && begun.paused) {
      const said = { sender: payment.sender, alert: 'SENDER_PAUSED', why: begun.why };
      deps.log.error(said, 'nothing is signed until somebody has looked');
    }
    if (begun.result !== 'signing') {
      return progress(db, groupId, begun.result === 'waiting' ? begun.why : null);
    }
    attempt = begun.attempt;
  }
  await signAttempt(deps, port, facts, asset, attempt);
  return progress(db, groupId, null);
}

/** Where others are paid with it, or may be: then it is not signed alone now. */
async function paidTogether(
  deps: PayDeps,
  groupId: string,
  facts: WithdrawalFacts,
): Promise<WithdrawalProgress | null> {
  const { db, batches } = deps;
  const { attempt, batch } = facts;
  if (batch !== null) return progress(db, groupId, paidBy(batch));
  if (!batches || attempt !== null || (await isCheaperAlone(deps, facts))) return null;
  const seconds = await waitForBatch(db, groupId, batches.waitSeconds);
  if (seconds === null) return null;
  const why = 'It waits a moment for others, to be paid with them.';
  return { ...(await progress(db, groupId, why)), lookAgainInSeconds: seconds };
}

/** Why nothing is signed or sent for a withdrawal itself. */
const paidBy = (batch: string) => `${batch} pays it, together with others.`;

/** The node and the signer, or the error of the one that does not answer. */
async function connect(deps: PayDeps) {
  try {
    const [port, signer] = await Promise.all([deps.chain(), deps.signer()]);
    return { port, signer };
  } catch (error) {
    if (error instanceof ChainUnavailable || error instanceof SignerUnavailable) return error;
    throw error;
  }
}

/** Sends the signed bytes, unless they stand in a block. Whether the node took them is recorded. */
export async function broadcastWithdrawal(
  { db, chain }: PayDeps,
  groupId: string,
): Promise<WithdrawalProgress> {
  const { attempt, isIncluded, batch } = await factsOf(db, groupId);
  if (batch !== null) return progress(db, groupId, paidBy(batch));
  if (!attempt?.bytes || isIncluded) return progress(db, groupId, null);
  const sent = await send(await chain(), attempt, await signedTransactions(db, groupId));
  await recordBroadcast(db, attempt.id, sent.taken, sent.detail);
  return progress(db, groupId, sent.taken ? null : `Not known where it is: ${sent.detail}`);
}

/** No answer proves nothing, so it is an outcome here and not an error. */
async function send(
  port: ChainPort,
  { bytes, txid }: Attempt,
  ours: readonly string[],
): Promise<{ taken: boolean; detail: string | null }> {
  try {
    const answer = await port.broadcast(bytes ?? '');
    if (answer.result === 'accepted') return { taken: true, detail: null };
    // A spent nonce is most often spent by one of our own attempts: their ids say.
    const lookedUp = answer.result === 'sequence_used' ? ours : [txid ?? ''];
    const found = await Promise.all(lookedUp.map((each) => port.transactionStatus(each)));
    return { taken: found.some(({ state }) => state !== 'unknown'), detail: answer.detail };
  } catch (error) {
    if (!(error instanceof ChainUnavailable)) throw error;
    return { taken: false, detail: error.message };
  }
}

/**
 * Replaces the payment as far as that is due, and signs it; `broadcastWithdrawal` sends it. See
 * `replaceAttempt`. A signer that does not answer is asked again by the next look, and is no error:
 * what it signed before may come into a block meanwhile, and is then followed.
 */
export async function replaceWithdrawal(
  deps: PayDeps,
  groupId: string,
): Promise<WithdrawalProgress> {
  try {
    const why = await replaceAttempt(deps, groupId);
    return await progress(deps.db, groupId, why && `Its fee is not raised: ${why}`);
  } catch (error) {
    if (!(error instanceof SignerUnavailable)) throw error;
    return progress(deps.db, groupId, error.message);
  }
}

/** Brings the group to what the chain says; ends it where the chain's word is final. */
export async function followWithdrawal(
  deps: PayDeps,
  groupId: string,
): Promise<WithdrawalProgress> {
  const { db } = deps;
  const { stuckAfterSeconds, bumpAfterSeconds } = deps;
  const look = () => observeWithdrawal(db, groupId, stuckAfterSeconds, bumpAfterSeconds);
  const { group, final, txid, slot, lookInSeconds, replacement } = await look();
  if (slot !== null) {
    const why = await proveSpent(deps, groupId, slot);
    const after = await look();
    const isDecided = after.slot === null;
    return {
      group: after.group,
      why,
      lookAgainInSeconds: isDecided ? null : lookInSeconds,
      replace: !isDecided && why === null && replacement !== null,
    };
  }
  const waiting = { group, lookAgainInSeconds: lookInSeconds, replace: false };
  if (final === null || txid === null) return { ...waiting, why: null };
  const port = await deps.chain();
  if (!(await isStillThere(port, txid, final))) {
    return { ...waiting, why: 'The node no longer has its block.' };
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
  return { group, why, lookAgainInSeconds: null, replace: false };
}

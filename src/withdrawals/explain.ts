/**
 * What the hot wallets sent without these books: after the database was restored to an earlier
 * moment, or somebody used the key. A person says what each was; nothing is signed before.
 */
import { amountOf, readChainAssets } from '../chains/assets.ts';
import { CHAIN_ACTOR } from '../chains/chainStep.ts';
import type { ChainConnection } from '../chains/connection.ts';
import { parseDraft } from '../chains/evm/transactions.ts';
import type { ChainPort, Spending } from '../chains/port.ts';
import { rescanTransaction } from '../chains/rescan.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { doesPay } from './doesPay.ts';
import { explainBatch } from './explainBatch.ts';
import { explainCollection } from './explainCollection.ts';

export interface ExplainDeps {
  db: Db;
  chain: ChainConnection;
}

/** A transaction of one of our senders that the books do not know. */
export interface UnknownSpending {
  sender: string;
  nonce: number;
  spending: Spending;
}

/** Blocks that have to lie on one where the node tells of none that is final; see `firstHeight`. */
const DEPTH_WITHOUT_FINALITY = 12;

/**
 * All of them, by sender and nonce: of the hot wallets, or of one address, which may be a deposit
 * address. These are not all asked for, since there may be very many.
 */
export async function unknownSpendings(
  { db, chain }: ExplainDeps,
  only?: string,
): Promise<UnknownSpending[]> {
  const port = await chain();
  const { height } = await port.head();
  const unknown: UnknownSpending[] = [];
  for (const { sender, next } of await nextNonces(db, port, only)) {
    const end = await port.nextSequence(sender, height);
    for (let nonce = next; nonce < end; nonce++) {
      const spending = await port.spentBy(sender, nonce, height);
      if (spending) unknown.push({ sender, nonce, spending });
    }
  }
  return unknown;
}

/** Senders of which the node has more than blocks and books do: no block has it yet. */
export async function unknownWaiting({ db, chain }: ExplainDeps): Promise<{ sender: string }[]> {
  const port = await chain();
  const waiting: { sender: string }[] = [];
  for (const { sender, next } of await nextNonces(db, port)) {
    const inBlocks = await port.nextSequence(sender);
    if ((await port.pendingSequence(sender)) > Math.max(next, inBlocks)) waiting.push({ sender });
  }
  return waiting;
}

async function nextNonces(db: Db, port: ChainPort, only?: string) {
  const { rows } = await withRetry(() =>
    db.query<{ sender: string; next: number }>(
      `select address as sender, chain_next_nonce(chain, address)::float8 as next
       from (
         select chain, address from hot_addresses
           where chain = $1 and address = coalesce($2, address)
         union select $1, address from deposit_addresses
           where family = chain_family($1) and address = $2
       ) s order by address`,
      [port.chain, only ?? null],
    ),
  );
  return rows;
}

/** What a person says of a transaction. */
export interface Explanation {
  nonce: number;
  /** The withdrawals that it paid; none: `note` says what it was. */
  groupIds: readonly string[];
  note: string;
  /**
   * With a note: it moved coins of ours alone, so what it brought to an address is no deposit. A
   * collection, or gas for one, is followed as such.
   */
  isOwn?: boolean;
  /** Lower case; left out: a hot wallet. A deposit address has to be named. */
  sender?: string;
}

/**
 * Writes down what the lowest unknown transaction of a sender was: the payment of a withdrawal, of
 * several, or something else, in the words of `note`. The sender goes on when none is left.
 *
 * @returns how many are left
 * @throws an Error in a sentence where it does not pay that withdrawal, is not unknown, or is to be
 *   written down by a note alone while its block is not final
 */
export async function explainSpending(
  { db, chain }: ExplainDeps,
  asked: Explanation,
): Promise<number> {
  const port = await chain();
  const all = await unknownSpendings({ db, chain }, asked.sender);
  const found = all.find(({ nonce }) => nonce === asked.nonce);
  if (!found) throw new Error(`No unknown transaction has nonce ${asked.nonce}.`);
  const { sender, nonce, spending } = found;
  const chainNonce =
    nonce + all.filter((each) => each.sender === sender && each.nonce >= nonce).length;
  const [groupId = null, ...others] = asked.groupIds;
  const contract = groupId === null ? null : await payoutOf(port, spending);
  if (contract !== null) {
    const left = await explainBatch(db, port, {
      ...asked,
      sender,
      chainNonce,
      spending,
      contract,
    });
    await rescanTransaction(db, port, spending.txid);
    return left;
  }
  const own = { sender, nonce, chainNonce, spending, note: asked.note };
  const leftByOwn = asked.isOwn && groupId === null ? await explainCollection(db, port, own) : null;
  if (leftByOwn !== null) {
    await rescanTransaction(db, port, spending.txid);
    return leftByOwn;
  }
  if (others.length > 0) throw new Error(`${spending.txid} pays no more than one withdrawal.`);
  if (groupId === null) await refuseYoung(port, spending);
  const adopted = groupId === null ? null : await adoptable(db, port, groupId, spending);
  const { rows } = await withRetry(() =>
    db.query<{ left: string }>(
      // What it brought to deposit addresses was nobody's as long as nobody had said what it was.
      // The watcher looks again, whatever becomes of whoever said it.
      `select chain_explain_nonce($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) as left,
         chain_ask_rescan($1, $13, $13, $5, format('nonce %s of %s was explained', $3, $2), false)`,
      [
        port.chain,
        sender,
        nonce,
        chainNonce,
        CHAIN_ACTOR,
        asked.note,
        groupId,
        spending.txid,
        adopted?.bytes ?? null,
        adopted && JSON.stringify(adopted.terms),
        adopted?.maxFee ?? null,
        asked.isOwn ?? false,
        spending.height,
      ],
    ),
  );
  await rescanTransaction(db, port, spending.txid);
  return Number(rows[0]?.left ?? 0);
}

/** Why nothing is signed for a sender until somebody has looked. */
export interface SenderPause {
  sender: string;
  reason: string;
  since: string;
}

/** Open pauses of the chain's senders, oldest first. */
export async function openPauses({ db, chain }: ExplainDeps): Promise<SenderPause[]> {
  const port = await chain();
  const { rows } = await withRetry(() =>
    db.query<SenderPause>(
      `select sender, reason, rfc3339(since) as since from sender_pauses
       where chain = $1 and until is null order by id`,
      [port.chain],
    ),
  );
  return rows;
}

/**
 * Lets the senders go on, with what was found. Answers how many pauses ended: those that were there
 * when this began, since nobody has looked at what comes while the node is asked.
 *
 * @throws an Error in a sentence while transactions are unknown: these are explained one by one
 */
export async function endPauses({ db, chain }: ExplainDeps, note: string): Promise<number> {
  const port = await chain();
  const { rows } = await withRetry(() =>
    db.query<{ id: string }>('select id from sender_pauses where chain = $1 and until is null', [
      port.chain,
    ]),
  );
  const unknown = await unknownSpendings({ db, chain });
  if (unknown.length > 0) {
    throw new Error(`${unknown.length} transactions are not explained yet; say what each was.`);
  }
  const { rowCount } = await withRetry(() =>
    db.query(
      `update sender_pauses set until = clock_timestamp(), note = $2
       where id = any($1) and until is null`,
      [rows.map(({ id }) => id), note],
    ),
  );
  return rowCount ?? 0;
}

/**
 * A nonce that is written down by a note has no bytes that could be sent again: were its block
 * dropped, later payments would wait behind it for ever.
 */
async function refuseYoung(port: ChainPort, { txid, height }: Spending): Promise<void> {
  const [head, { finalized }] = await Promise.all([port.head(), port.finality()]);
  const final = finalized?.height ?? head.height - DEPTH_WITHOUT_FINALITY;
  if (height <= final) return;
  throw new Error(
    `${txid} is in block ${height}, and only blocks up to ${final} are final: a note is kept for ` +
      'ever, so say it again when that block is.',
  );
}

/** The payout contract that a transaction called; null: it called none. */
async function payoutOf(port: ChainPort, { signed }: Spending): Promise<string | null> {
  const to = signed && parseDraft(signed.bytes).to?.toLowerCase();
  return to && (await port.payoutFault(to)) === null ? to : null;
}

async function adoptable(db: Db, port: ChainPort, groupId: string, spending: Spending) {
  const { txid, signed, outcome } = spending;
  if (!(await doesPay(db, port, groupId, spending))) {
    throw new Error(`${txid} does not pay what ${groupId} is to pay.`);
  }
  if (signed === null) throw new Error(`The bytes of ${txid} cannot be read back.`);
  const { native } = await readChainAssets(db, port.chain);
  if (!native) throw new Error(`The native coin of ${port.chain} is not registered.`);
  return { ...signed, maxFee: amountOf(native, outcome.feeUnits) };
}

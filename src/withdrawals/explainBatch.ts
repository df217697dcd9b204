/**
 * A transaction that paid several withdrawals and is not in these books: all of them have to be
 * named, or who is left out would be paid again.
 */
import { amountOf, type ChainAsset, readChainAssets } from '../chains/assets.ts';
import { CHAIN_ACTOR } from '../chains/chainStep.ts';
import { showAddress } from '../chains/evm/addresses.ts';
import type { ChainPort, Payment, Spending } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { batchPayment } from './batch.ts';
import { paidBy, partsBeside } from './doesPay.ts';
import { readWithdrawal, type WithdrawalFacts } from './withdrawalTables.ts';

export interface UnknownBatch {
  sender: string;
  nonce: number;
  /** The sender's next nonce by the chain. */
  chainNonce: number;
  spending: Spending;
  /** The payout contract, lower case. */
  contract: string;
  /** What it paid, as a person says. */
  groupIds: readonly string[];
  note: string;
}

/**
 * Writes the batch down with its members; the books follow it. Answers how many are left.
 *
 * @throws an Error in a sentence where it does not pay one of them, or pays others too
 */
export async function explainBatch(db: Db, port: ChainPort, batch: UnknownBatch): Promise<number> {
  const { sender, nonce, chainNonce, spending, contract, groupIds, note } = batch;
  const { txid, signed, outcome } = spending;
  const { native, all } = await readChainAssets(db, port.chain);
  const members = await Promise.all(groupIds.map((id) => memberOf(db, id)));
  const asset = all.find(({ code }) => code === members[0]?.asset);
  if (!native || !asset) throw new Error(`The coins of ${port.chain} are not registered.`);
  if (signed === null) throw new Error(`The bytes of ${txid} cannot be read back.`);
  const { parts = [] } = batchPayment(sender, contract, asset, members);
  const others = partsBeside(paidBy(outcome, asset.contract), parts);
  if (others === null || members.some(({ asset: code }) => code !== asset.code)) {
    throw new Error(`${txid} does not pay what these withdrawals are to pay.`);
  }
  const forgotten = await openWithdrawalsOf(db, port.chain, asset, others, groupIds);
  if (forgotten.length > 0) {
    throw new Error(`${txid} also pays what ${forgotten.join(', ')} is to pay: name it too.`);
  }
  const { rows } = await withRetry(() =>
    db.query<{ left: string }>(
      `select chain_explain_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
       as left`,
      [
        port.chain,
        sender,
        nonce,
        chainNonce,
        CHAIN_ACTOR,
        note,
        groupIds,
        showAddress(contract),
        asset.code,
        txid,
        signed.bytes,
        JSON.stringify(signed.terms),
        amountOf(native, outcome.feeUnits),
      ],
    ),
  );
  return Number(rows[0]?.left ?? 0);
}

async function memberOf(db: Db, groupId: string): Promise<WithdrawalFacts> {
  const facts = await readWithdrawal(db, groupId);
  if (!facts) throw new Error(`${groupId} is no withdrawal on a chain.`);
  if (facts.attempt || facts.batch || facts.members) throw new Error(`${groupId} is signed.`);
  return { ...facts, destination: facts.destination.toLowerCase() };
}

/** Withdrawals that are still to be signed and look like what was paid beside the named ones. */
async function openWithdrawalsOf(
  db: Db,
  chain: string,
  asset: ChainAsset,
  parts: NonNullable<Payment['parts']>,
  named: readonly string[],
): Promise<string[]> {
  const { rows } = await withRetry(() =>
    db.query<{ id: string }>(
      `select distinct w.group_id as id from withdrawals w
       join jsonb_to_recordset($3) p(destination text, amount numeric)
         on p.destination = lower(w.destination) and p.amount = w.amount
       where w.chain = $1 and w.asset = $2 and w.group_id <> all($4)
         and w.state in ('held', 'awaiting_approval', 'awaiting_funds') order by 1`,
      [
        chain,
        asset.code,
        JSON.stringify(
          parts.map(({ destination, units }) => ({ destination, amount: amountOf(asset, units) })),
        ),
        named,
      ],
    ),
  );
  return rows.map(({ id }) => id);
}

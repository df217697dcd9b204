/**
 * A collection, or gas for a deposit address, that is not in these books: both ends are ours, so it
 * is told by the addresses and not by a person, and its group is opened anew to follow it.
 */
import { amountOf, readChainAssets } from '../chains/assets.ts';
import { CHAIN_ACTOR } from '../chains/chainStep.ts';
import { showAddress } from '../chains/evm/addresses.ts';
import type { ChainPort, Spending } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

interface UnknownOwn {
  sender: string;
  nonce: number;
  /** The sender's next nonce by the chain. */
  chainNonce: number;
  spending: Spending;
  note: string;
}

/**
 * Opens its group with its transaction; the books follow it. Answers how many are left, or null
 * where it is neither: it did not move one asset once, from a deposit address to a hot wallet or
 * native coins the other way.
 *
 * @throws an Error in a sentence where its bytes cannot be read back
 */
export async function explainCollection(
  db: Db,
  port: ChainPort,
  { sender, nonce, chainNonce, spending, note }: UnknownOwn,
): Promise<number | null> {
  const { txid, signed, outcome } = spending;
  const { native, all } = await readChainAssets(db, port.chain);
  const [moved, ...others] = outcome.transfers.filter(({ units }) => units > 0n);
  const asset = all.find(({ contract }) => contract === moved?.contract);
  if (!outcome.succeeded || !moved || !asset || !native) return null;
  if (others.length > 0 || moved.from !== sender) return null;
  const purpose = await purposeOf(db, port.chain, sender, moved.to);
  if (purpose === null || (purpose === 'top_up' && asset !== native)) return null;
  if (signed === null) throw new Error(`The bytes of ${txid} cannot be read back.`);
  const { rows } = await withRetry(() =>
    db.query<{ left: string }>(
      `select chain_explain_collection($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
         $14, $15) as left`,
      [
        port.chain,
        sender,
        nonce,
        chainNonce,
        CHAIN_ACTOR,
        note,
        purpose,
        asset.code,
        showAddress(sender),
        showAddress(moved.to),
        amountOf(asset, moved.units),
        txid,
        signed.bytes,
        JSON.stringify(signed.terms),
        amountOf(native, outcome.feeUnits),
      ],
    ),
  );
  return Number(rows[0]?.left ?? 0);
}

async function purposeOf(db: Db, chain: string, from: string, to: string) {
  const { rows } = await withRetry(() =>
    db.query<{ purpose: 'collect' | 'top_up' | null }>(
      'select collection_purpose($1, $2, $3) as purpose',
      [chain, from, to],
    ),
  );
  return rows[0]?.purpose ?? null;
}

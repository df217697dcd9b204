/** What a block holds for us, in the ledger's terms. */
import { amountOf, type ChainAssets } from '../chains/assets.ts';
import type { BlockRef, ChainPort, Transfer } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import { ownAddresses, ownTransactions, type SeenDeposit, type SeenEvents } from './chainTables.ts';

/**
 * Reads a block's events from the node. Everything or nothing: a node that answers half of a block
 * makes it throw `ChainUnavailable`.
 */
export async function readEvents(
  db: Db,
  port: ChainPort,
  assets: ChainAssets,
  block: BlockRef,
): Promise<SeenEvents> {
  const { transfers, outcomes } = await port.eventsOf(block, {
    contracts: assets.contracts,
    ours: (addresses) => ownAddresses(db, port.chain, addresses),
    sent: (txids) => ownTransactions(db, port.chain, txids),
  });
  const seen = (transfer: Transfer): SeenDeposit[] => inLedgerTerms(assets, transfer);
  return {
    deposits: transfers.flatMap(seen),
    outcomes: outcomes.map(({ txid, feeUnits, transfers: moved }) => ({
      txid,
      // Something was signed, so the native coin is registered: signing begins only then.
      fee: assets.native ? amountOf(assets.native, feeUnits) : '0',
      transfers: moved.flatMap(seen),
    })),
  };
}

/** Coins of what is not registered are not money to the ledger. */
function inLedgerTerms(assets: ChainAssets, transfer: Transfer): SeenDeposit[] {
  const asset = assets.of(transfer.contract);
  if (!asset) return [];
  const { txid, ordinal, from, to, units } = transfer;
  return [{ txid, ordinal, asset: asset.code, amount: amountOf(asset, units), from, to }];
}

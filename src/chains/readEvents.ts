/** What a block holds for us, in the ledger's terms. */
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { amountOf, type ChainAssets } from './assets.ts';
import type { BlockRef, ChainId, ChainPort, Transfer } from './port.ts';

/** Coins that came to an address of ours. */
export interface SeenDeposit {
  txid: string;
  ordinal: string;
  asset: string;
  amount: Amount;
  from: string;
  to: string;
}

/** What became of a transaction that we sent. */
export interface SeenOutcome {
  txid: string;
  /** In the native coin. */
  fee: Amount;
  succeeded: boolean;
  /** What it moved; nothing where it was reverted. */
  transfers: SeenDeposit[];
  /** What the contract that it called says to have paid on, of the native coin. */
  payouts: { to: string; amount: Amount }[];
}

export interface SeenEvents {
  deposits: SeenDeposit[];
  outcomes: SeenOutcome[];
}

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
    native: assets.native !== undefined,
    ours: (addresses) => ownAddresses(db, port.chain, addresses),
    sent: (txids) => ownTransactions(db, port.chain, txids),
  });
  const seen = (transfer: Transfer): SeenDeposit[] => inLedgerTerms(assets, transfer);
  return {
    deposits: transfers.flatMap(seen),
    outcomes: outcomes.map(({ txid, succeeded, feeUnits, transfers: moved, payouts }) => ({
      txid,
      succeeded,
      // Something was signed, so the native coin is registered: signing begins only then.
      fee: assets.native ? amountOf(assets.native, feeUnits) : '0',
      transfers: moved.flatMap(seen),
      payouts: payouts.flatMap(({ destination, units }) =>
        assets.native ? [{ to: destination, amount: amountOf(assets.native, units) }] : [],
      ),
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

/** Which of these addresses were handed out. */
async function ownAddresses(
  db: Db,
  chain: ChainId,
  addresses: readonly string[],
): Promise<ReadonlySet<string>> {
  if (addresses.length === 0) return new Set();
  const { rows } = await db.query<{ address: string }>({
    name: 'chain_own_addresses',
    text: `select address from deposit_addresses
      where family = chain_family($1) and address = any($2)`,
    values: [chain, addresses],
  });
  return new Set(rows.map(({ address }) => address));
}

/** Which of these transactions are attempts of withdrawals. */
async function ownTransactions(
  db: Db,
  chain: ChainId,
  txids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (txids.length === 0) return new Set();
  const { rows } = await db.query<{ txid: string }>({
    name: 'chain_own_transactions',
    text: 'select txid from withdrawal_attempts where chain = $1 and txid = any($2)',
    values: [chain, txids],
  });
  return new Set(rows.map(({ txid }) => txid));
}

/** The ledger's side of collections; see migrations 0050 to 0052. */
import type { ChainId } from '../chains/port.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';

/** Coins in final blocks on a deposit address, worth to be collected. */
export interface DueCollection {
  /** Lower case. */
  address: string;
  asset: string;
  /** What the books say that lies there, of the asset. */
  amount: Amount;
  /** The same of the native coin. */
  native: Amount;
  /** Both count up to this block, which is final; gas that we sent there counts once booked. */
  height: number;
  /** Up to this block native coins are final: gas is there before tokens that take longer are. */
  gasHeight: number;
  minAmount: Amount;
  /** Most that an attempt may cost, in the native coin. */
  maxFee: Amount;
}

/** A payment between two addresses of ours. */
export interface OwnPayment {
  chain: ChainId;
  purpose: 'collect' | 'top_up';
  asset: string;
  /** The deposit address, wherever it stands. */
  address: string;
  from: string;
  to: string;
  amount: Amount;
  maxFee: Amount;
}

/**
 * The wallet that withdrawals leave from, lower case, as the workers have written it down; null:
 * none has asked its signer yet. Whoever plans needs no signer, and none that could be another one.
 */
export async function readHotWallet(db: Db, chain: ChainId): Promise<string | null> {
  const { rows } = await db.query<{ address: string | null }>(
    'select chain_hot_wallet($1) as address',
    [chain],
  );
  return rows[0]?.address ?? null;
}

/**
 * What is due for a hot wallet: each asset in turn, its largest amounts first.
 *
 * @param except what is left alone, as `<address> <asset>`
 */
export async function dueCollections(
  db: Db,
  chain: ChainId,
  hotWallet: string,
  limit: number,
  except: readonly string[],
): Promise<DueCollection[]> {
  const { rows } = await db.query<DueCollection>({
    name: 'chain_collections_due',
    text: `select address, asset, amount_text(amount) as amount, amount_text(native) as native,
        height::float8 as height, amount_text(min_amount) as "minAmount",
        greatest(height, (select chain_final_height(c, a.final) from chains c
          join assets a on a.code = chain_native_asset(c.id) where c.id = $1))::float8
          as "gasHeight",
        amount_text(max_fee) as "maxFee"
      from collection_due($1, $2, $3, $4)`,
    values: [chain, hotWallet, limit, except],
  });
  return rows;
}

/**
 * Opens the group of such a payment, with the task that starts its saga. Null where another one of
 * the address is open, or where so much no longer lies there.
 */
export async function openCollection(db: Db, payment: OwnPayment): Promise<string | null> {
  const { chain, purpose, asset, address, from, to, amount, maxFee } = payment;
  const { rows } = await withRetry(() =>
    db.query<{ id: string | null }>(
      'select chain_open_collection($1, $2, $3, $4, $5, $6, $7, $8) as id',
      [chain, purpose, asset, address, from, to, amount, maxFee],
    ),
  );
  return rows[0]?.id ?? null;
}

/** Ends a collection that is older than so many seconds, where nothing was signed. */
export async function abandonCollection(
  db: Db,
  groupId: string,
  afterSeconds: number,
): Promise<boolean> {
  const { rows } = await withRetry(() =>
    db.query<{ ended: boolean }>('select chain_abandon_collection($1, $2) as ended', [
      groupId,
      afterSeconds,
    ]),
  );
  return rows[0]?.ended ?? false;
}

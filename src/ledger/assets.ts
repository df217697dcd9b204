/** Assets: registered once, with their system wallets. */
import { canonicalAmount } from '../contracts/amounts.ts';
import type { Amount, Asset } from '../contracts/resources.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import { type Page, type PageRequest, pageOf, placeOf, TEXT_PART, TIME_PART } from './page.ts';

/** What may be changed later; null takes a value away. */
interface AssetBounds {
  minDeposit?: Amount | null | undefined;
  minWithdrawal?: Amount | null | undefined;
  withdrawalFee?: Amount | null | undefined;
  confirmations?: number | null | undefined;
  /** Null: the default of chain assets, `finalized`. */
  final?: Asset['final'] | undefined;
}

export interface NewAsset extends AssetBounds {
  code: string;
  /** Decimals, 0 to 36. */
  scale: number;
  chain?: string | null | undefined;
  contract?: string | null | undefined;
  name?: string | null | undefined;
}

export interface AssetPatch extends AssetBounds {
  depositsPaused?: boolean | undefined;
  withdrawalsPaused?: boolean | undefined;
}

const AMOUNTS = ['minDeposit', 'minWithdrawal', 'withdrawalFee'] as const;

/** The same bounds with canonical amounts; what was not said stays unsaid. */
function canonicalBounds<T extends AssetBounds>(bounds: T): T {
  const canonical = { ...bounds };
  for (const name of AMOUNTS) {
    const amount = bounds[name];
    if (typeof amount === 'string') canonical[name] = canonicalAmount(amount);
  }
  return canonical;
}

/**
 * Registers an asset and makes its wallets `external:`, `fees:`, `shortfall:`, `treasury:` and
 * `unattributed:<code>`. Again with the same values: `created` is false. With other values, or for
 * a coin that another asset stands for: ASSET_EXISTS.
 */
export async function createAsset(
  db: Db,
  asset: NewAsset,
): Promise<{ asset: Asset; created: boolean } | { refusal: Refusal }> {
  const { code, scale, chain = null, contract = null, name = null } = asset;
  const { minDeposit = null, minWithdrawal = null, withdrawalFee = null } = canonicalBounds(asset);
  const { confirmations = null, final = null } = asset;
  const request = { code, scale, chain, contract, name, minDeposit, minWithdrawal, withdrawalFee };
  const { rows } = await withRetry(() =>
    db.query('select ledger_create_asset($1) as answer', [
      JSON.stringify({ ...request, confirmations, final }),
    ]),
  );
  return rows[0]?.answer;
}

/** Changes what is named. ASSET_NOT_FOUND. */
export async function patchAsset(
  db: Db,
  code: string,
  patch: AssetPatch,
): Promise<{ asset: Asset } | { refusal: Refusal }> {
  const { rows } = await withRetry(() =>
    db.query('select ledger_patch_asset($1, $2) as answer', [
      code,
      JSON.stringify(canonicalBounds(patch)),
    ]),
  );
  return rows[0]?.answer;
}

/** The asset as it stands, or null where there is none of that code. */
export async function readAsset(db: Db, code: string): Promise<Asset | null> {
  const { rows } = await withRetry(() =>
    db.query('select asset_json(a) as asset from assets a where a.code = $1', [code]),
  );
  return rows[0]?.asset ?? null;
}

/** All assets, newest first. */
export async function listAssets(db: Db, { limit, cursor }: PageRequest): Promise<Page<Asset>> {
  const [time, code] = placeOf(cursor, [TIME_PART, TEXT_PART]);
  const { rows } = await withRetry(() =>
    db.query(
      `select asset_json(a) as item, array[rfc3339(a.created_at), a.code] as place
       from assets a
       where $1::timestamptz is null or (a.created_at, a.code) < ($1, $2)
       order by a.created_at desc, a.code desc limit $3 + 1`,
      [time, code, limit],
    ),
  );
  return pageOf<Asset>(rows, limit);
}

/** Assets of one chain, as the adapters' base units meet the ledger's amounts. */
import { fromBaseUnits, toBaseUnits } from '../contracts/amounts.ts';
import type { Amount } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { withRetry } from '../db/sqlstate.ts';
import type { ChainId } from './port.ts';

export interface ChainAsset {
  code: string;
  scale: number;
  /** In the chain's own canonical spelling; null: the native coin. */
  contract: string | null;
}

export class ChainAssets {
  readonly all: readonly ChainAsset[];
  private readonly byContract: ReadonlyMap<string | null, ChainAsset>;

  constructor(assets: readonly ChainAsset[]) {
    this.all = assets;
    this.byContract = new Map(assets.map((asset) => [asset.contract, asset]));
  }

  /** Registered token contracts. */
  get contracts(): string[] {
    return this.all.flatMap(({ contract }) => (contract === null ? [] : [contract]));
  }

  /** The coin that fees are paid in; undefined where it is not registered. */
  get native(): ChainAsset | undefined {
    return this.byContract.get(null);
  }

  /** The asset of a contract (null: of the native coin); undefined where it is not registered. */
  of(contract: string | null): ChainAsset | undefined {
    return this.byContract.get(contract);
  }
}

/** Reads what is registered on a chain now. */
export async function readChainAssets(db: Db, chain: ChainId): Promise<ChainAssets> {
  const { rows } = await withRetry(() =>
    db.query<ChainAsset>({
      name: 'chain_assets',
      text: `select code, scale, lower(contract) as contract from assets
        where chain = $1 order by code`,
      values: [chain],
    }),
  );
  return new ChainAssets(rows);
}

/** Base units as the ledger counts them. */
export function amountOf(asset: ChainAsset, units: bigint): Amount {
  return fromBaseUnits(units, asset.scale);
}

/** An amount as the chain counts it. Throws RangeError where decimals would be lost. */
export function unitsOf(asset: ChainAsset, amount: Amount): bigint {
  return toBaseUnits(amount, asset.scale);
}

/** What the network may take is said in the native coin of its chain, whatever asset is paid. */
import { readChainAssets } from '../chains/assets.ts';
import type { Amount } from '../contracts/resources.ts';
import type { ApiDeps } from './context.ts';
import { refuseScales } from './legRules.ts';
import type { AssetFacts } from './walletCatalog.ts';

/**
 * 400 INVALID_AMOUNT where a highest fee has more decimals than the native coin. A coin that is not
 * registered has no decimals that are known here.
 *
 * @param facts of the asset that is paid; null: none is known, or it is the ledger's to refuse
 */
export async function refuseNetworkFee(
  { db, wallets }: ApiDeps,
  facts: AssetFacts | null,
  maxFee: Amount | null | undefined,
): Promise<void> {
  if (maxFee == null || facts === null || facts.chain === null) return;
  const { native } = await readChainAssets(db, facts.chain);
  const coin = native ? await wallets.asset(native.code) : null;
  refuseScales([{ pointer: '/maxFee', amount: maxFee, facts: coin }]);
}

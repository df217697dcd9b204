/** The expected event: what a transaction must have moved to count as a withdrawal's payment. */
import { readChainAssets, unitsOf } from '../chains/assets.ts';
import type { ChainPort, Spending } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import { readWithdrawal } from './withdrawalTables.ts';

/** Whether a transaction moved exactly what a withdrawal is to pay, to its destination. */
export async function doesPay(
  db: Db,
  port: ChainPort,
  groupId: string,
  { outcome }: Spending,
): Promise<boolean> {
  const facts = await readWithdrawal(db, groupId);
  const assets = facts && (await readChainAssets(db, port.chain));
  const asset = assets?.all.find(({ code }) => code === facts?.asset);
  if (!facts || !asset) return false;
  const units = unitsOf(asset, facts.amount);
  const destination = facts.destination.toLowerCase();
  return outcome.transfers.some(
    (moved) =>
      moved.contract === asset.contract && moved.to === destination && moved.units === units,
  );
}

/** Payments that a batch would make dearer. */
import { readChainAssets } from '../chains/assets.ts';
import { ChainUnavailable } from '../contracts/chain.ts';
import type { PayDeps } from './payDeps.ts';
import type { WithdrawalFacts } from './withdrawalTables.ts';

/**
 * Whether a withdrawal takes less of the network's fee when it is paid alone: native coins to an
 * address that nobody has used yet. A contract that pays it is charged for making the account
 * (25,000 gas, more than all of a plain transfer), and the plain transfer is not. An address that
 * has code has a sequence number too, so that and the balance tell. False where the node does not.
 */
export async function isCheaperAlone(
  { db, chain }: PayDeps,
  { chain: paidOn, asset, destination }: WithdrawalFacts,
): Promise<boolean> {
  try {
    const port = await chain();
    const { native } = await readChainAssets(db, paidOn);
    if (port.chain !== paidOn || native?.code !== asset) return false;
    const address = destination.toLowerCase();
    const { height } = await port.head();
    const [balance, sequence] = await Promise.all([
      port.balanceOf(address, null, height),
      port.nextSequence(address, height),
    ]);
    return balance === 0n && sequence === 0;
  } catch (error) {
    if (error instanceof ChainUnavailable) return false;
    throw error;
  }
}

/** Keys of the storm's service, which are everybody's. */
import { depositPath, deriveAddress } from '../../chains/evm/addresses.ts';
import { depositXpub } from '../../withdrawals/developmentKeys.ts';

export const MNEMONIC = 'test test test test test test test test test test test junk';
const XPUB = depositXpub(MNEMONIC);

/** Lower-case address that an owner is handed out first. */
export function addressOf(owner: string): string {
  return deriveAddress(XPUB, depositPath(owner, 0));
}

/** Withdrawals from a chainless asset, and limits of what they may hold. */
import { groupId } from '../../src/contracts/ids.ts';
import type { Db } from '../../src/db/pool.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import { step, unique } from './ledgerWorld.ts';

export function withdraw(db: Db, wallet: string, amount: string) {
  const key = unique('key');
  return openWithdrawal(db, {
    ...step('create', groupId('withdrawal', 'shop', key), key),
    client: 'shop',
    wallet,
    amount,
    destination: 'iban:1',
    feeMode: 'platform',
    maxFee: null,
    riskMeta: null,
    expiresIn: null,
    metadata: {},
    acceptBy: null,
  });
}

export const limitOf = (
  scope: { owner?: string; wallet?: string },
  amount: string,
  asset = 'USD',
) => ({
  id: unique('limit'),
  asset,
  ...scope,
  window: 'day' as const,
  amount,
  kinds: ['withdrawal' as const],
});

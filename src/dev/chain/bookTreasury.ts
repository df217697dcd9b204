/** What the hot wallet of a development chain has, in the books as the platform's own. */
import { groupId, stepKey } from '../../contracts/ids.ts';
import type { Amount } from '../../contracts/resources.ts';
import type { Db } from '../../db/pool.ts';
import { readGroup } from '../../ledger/groups.ts';
import { openTransfer } from '../../ledger/openTransfer.ts';

/** Who books in the timeline and in the ids. */
const CLIENT = 'local-chain';

/** Where the coins were seen; it stands in the group's metadata. */
export interface SeenCoins {
  chain: string;
  address: string;
  block: number;
}

const keyOf = (code: string) => `treasury-${code}`;
const idOf = (code: string) => groupId('transfer', CLIENT, keyOf(code));

/** Whether it was done for this asset before. */
export async function isTreasuryBooked(db: Db, code: string): Promise<boolean> {
  return (await readGroup(db, idOf(code))) !== null;
}

/**
 * Books an asset's coins, once: `external` owes them to `treasury`.
 *
 * @param amount in whole units of the asset, above zero
 * @throws where the ledger refuses it
 */
export async function bookTreasury(
  db: Db,
  code: string,
  amount: Amount,
  seen: SeenCoins,
): Promise<void> {
  const booked = await openTransfer(db, {
    groupId: idOf(code),
    stepKey: stepKey('create', CLIENT, keyOf(code)),
    actor: { name: CLIENT, admin: true },
    client: CLIENT,
    legs: [
      { wallet: `external:${code}`, type: 'DEBIT', amount },
      { wallet: `treasury:${code}`, type: 'CREDIT', amount },
    ],
    settle: 'immediate',
    expiresIn: null,
    reference: null,
    metadata: { why: "the hot wallet's own coins", ...seen },
    acceptBy: null,
  });
  if (booked.outcome !== 'done') throw new Error(`${code}: the hot wallet's coins are not booked`);
}

/**
 * What became of a nonce that no attempt of ours is known to have spent. A withdrawal is given back
 * only on proof: a final block has something else on its nonce, and that is looked at itself.
 */
import { amountOf, readChainAssets } from '../chains/assets.ts';
import { rescanTransaction } from '../chains/rescan.ts';
import { doesPay } from './doesPay.ts';
import type { PayDeps } from './payDeps.ts';
import { adoptTransaction, releaseSpent, signedTransactions } from './replacementTables.ts';
import { spentForGood } from './spentForGood.ts';
import type { Observed } from './withdrawalTables.ts';

/**
 * Looks at the nonce of a payment that is in no stored block.
 *
 * @returns why it is not decided yet, in a sentence; null where the nonce is free or it is decided
 */
export async function proveSpent(
  deps: PayDeps,
  groupId: string,
  slot: NonNullable<Observed['slot']>,
): Promise<string | null> {
  const { db } = deps;
  const { sender, nonce, final } = slot;
  const port = await deps.chain();
  if ((await port.nextSequence(sender)) <= nonce) return null;
  for (const txid of await signedTransactions(db, groupId)) {
    if ((await port.transactionStatus(txid)).state !== 'included') continue;
    // Its block was read before these books knew the transaction, or is about to be read.
    await rescanTransaction(db, port, txid);
    return 'a block has it, and is about to be read';
  }
  const waits = `nonce ${nonce} was spent by something else; that is not final yet`;
  const spent = final && (await spentForGood(db, port, slot, final));
  if (!final || !spent) return waits;
  const { txid, signed } = spent;
  if (await doesPay(db, port, groupId, spent)) {
    const said = { groupId, txid, nonce, alert: 'PAYMENT_NOT_IN_BOOKS' };
    deps.log.error(said, 'a transaction pays a withdrawal, and the books did not know it');
    if (signed === null) return `${txid} pays it, and its bytes cannot be read back`;
    const native = (await readChainAssets(db, port.chain)).native;
    if (!native) throw new Error(`The native coin of ${port.chain} is not registered`);
    const maxFee = amountOf(native, spent.outcome.feeUnits);
    await adoptTransaction(db, groupId, { txid, ...signed, maxFee });
    await rescanTransaction(db, port, txid);
    return null;
  }
  const released = await releaseSpent(db, groupId, final, txid);
  if (released.outcome === 'waiting') return released.why;
  const said = { groupId, txid, nonce, sender, alert: 'NONCE_TAKEN' };
  deps.log.error(said, 'something else spent the nonce of a withdrawal; the sender is paused');
  return null;
}

/** Transactions that a custodian has named for two withdrawals, of which each pays one. */
import {
  type CustodyPayment,
  giveUpEvent,
  noteOtherEvent,
  type PaidInBlock,
  takersOf,
  type UnpaidInBlock,
} from './custodyTables.ts';
import { type CustodyDeps, hear, lookOnChain } from './hear.ts';

/**
 * Tells which of the transactions that hold a payment are other withdrawals' by the custodian's own
 * word of today, and tells people of each that others were settled by. One of these whom the
 * custodian calls made by another transaction is put down to that, one that it fails and that was
 * reversed is put down to none, and the next look finds this one free. Where that other transaction
 * is taken as well, it is sorted likewise.
 *
 * @param asked whom this was asked of already
 */
export async function sortShared(
  deps: CustodyDeps,
  { groupId, custodian }: CustodyPayment,
  found: readonly PaidInBlock[],
  asked = new Set([groupId]),
): Promise<{ own: PaidInBlock[]; theirs: UnpaidInBlock[] }> {
  const own: PaidInBlock[] = [];
  const theirs: UnpaidInBlock[] = [];
  for (const paid of found) {
    const takers = await takersOf(deps.db, groupId, paid);
    let isTheirs = takers.length > 0;
    for (const taker of takers) {
      const isNew = !asked.has(taker.groupId);
      if (!isNew || !(await isMadeBy(deps, taker, paid.txid, asked))) isTheirs = false;
    }
    if (isTheirs) theirs.push({ ...paid, why: null });
    else own.push(paid);
    if (takers.length === 0) continue;
    const others = takers.map((taker) => taker.groupId);
    const said = { groupId, custodian, txid: paid.txid, others, alert: 'CUSTODIAN_CONTRADICTS' };
    deps.log.error(said, 'a custodian names for a payment what others were settled by');
  }
  return { own, theirs };
}

/** Whether the custodian still calls a settled withdrawal made by a transaction. */
async function isMadeBy(
  deps: CustodyDeps,
  taker: CustodyPayment,
  txid: string,
  asked: Set<string>,
): Promise<boolean> {
  const { payment, word } = await hear(deps, taker);
  const { groupId } = payment;
  asked.add(groupId);
  if (word !== null && (await giveUpEvent(deps.db, groupId, txid))) {
    deps.log.warn({ groupId, txid }, 'a payment that was reversed was never made by this');
  }
  if (word?.status !== 'confirmed' || word.txid === null) return false;
  if (word.txid === txid) return true;
  for (const paid of (await lookOnChain(deps, payment)).paid) {
    if (paid.txid !== word.txid) continue;
    if ((await noteOtherEvent(deps.db, groupId, paid)) !== null) {
      await sortShared(deps, payment, [paid], asked);
      continue;
    }
    const said = { groupId, insteadOf: txid, txid: paid.txid };
    deps.log.warn(said, 'a custodian made a settled payment by another transaction');
  }
  return false;
}

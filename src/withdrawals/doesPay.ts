/** The expected event: what a transaction must have moved to count as a withdrawal's payment. */
import { readChainAssets } from '../chains/assets.ts';
import type { ChainPort, Payment, Spending } from '../chains/port.ts';
import type { Db } from '../db/pool.ts';
import { paymentOf } from './signAttempt.ts';
import { readWithdrawal } from './withdrawalTables.ts';

/**
 * Whether a transaction moved exactly what a withdrawal is to pay, to its destination; of a batch
 * each part of it, identical ones as often as they are asked for.
 */
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
  const payment = paymentOf('', facts, asset);
  const { contract, destination, units } = payment;
  const moved = outcome.transfers.filter((each) => each.contract === contract);
  if (!payment.parts) {
    return moved.some((each) => each.to === destination && each.units === units);
  }
  const paid =
    contract === null
      ? outcome.payouts
      : moved.map((each) => ({ destination: each.to, units: each.units }));
  return holdsAll(paid, payment.parts);
}

type Parts = NonNullable<Payment['parts']>;

/** Whether each of `wanted` is in `paid`, and as often. */
function holdsAll(paid: Parts, wanted: Parts): boolean {
  const left = paid.map(({ destination, units }) => `${destination} ${units}`);
  return wanted.every(({ destination, units }) => {
    const at = left.indexOf(`${destination} ${units}`);
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

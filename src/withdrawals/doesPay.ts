/** The expected event: what a transaction must have moved to count as a withdrawal's payment. */
import { readChainAssets } from '../chains/assets.ts';
import type { ChainPort, Outcome, Payment, Spending } from '../chains/port.ts';
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
  const { contract, destination, units, parts } = payment;
  if (parts) return partsBeside(paidBy(outcome, contract), parts) !== null;
  return outcome.transfers.some(
    (each) => each.contract === contract && each.to === destination && each.units === units,
  );
}

type Parts = NonNullable<Payment['parts']>;

/** What a transaction paid in parts of an asset. */
export function paidBy({ payouts, transfers }: Outcome, contract: string | null): Parts {
  if (contract === null) return payouts;
  const moved = transfers.filter((each) => each.contract === contract);
  return moved.map(({ to, units }) => ({ destination: to, units }));
}

/** What was paid beside `wanted`; null where one of these is missing, or not there as often. */
export function partsBeside(paid: Parts, wanted: Parts): Parts | null {
  const left = [...paid];
  for (const { destination, units } of wanted) {
    const at = left.findIndex((part) => part.destination === destination && part.units === units);
    if (at < 0) return null;
    left.splice(at, 1);
  }
  return left;
}

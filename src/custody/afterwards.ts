/** A custodian's payment that was given back: does the custodian keep to its word? */
import { ChainUnavailable } from '../contracts/chain.ts';
import { whyOther } from './advance.ts';
import { bookLateCustody, type CustodyPayment, readCustody } from './custodyTables.ts';
import { type CustodyDeps, hear, lookOnChain } from './hear.ts';
import { sortShared } from './namedTwice.ts';

/** Whether it turned out to be paid, and what is in doubt, in a sentence. */
export interface CustodyAfterwards {
  isPaid: boolean;
  why: string | null;
}

/** The custodian's words by which a payment does not happen. */
const FAILURES: readonly (string | null)[] = ['failed', 'rejected', 'refused'];

/**
 * Asks once more about a payment that was given back, and books it where it was made all the same.
 * A custodian that takes up what it had failed for good is an alert. Runs any number of times.
 */
export async function lookAfterRelease(
  deps: CustodyDeps,
  groupId: string,
): Promise<CustodyAfterwards> {
  const payment = await readCustody(deps.db, groupId);
  if (!payment?.began) return { isPaid: false, why: null };
  try {
    const heard = await hear(deps, payment);
    const judged = await judgeAgain(deps, heard.payment);
    return { ...judged, why: judged.why ?? (judged.isPaid ? null : heard.why) };
  } catch (error) {
    if (error instanceof ChainUnavailable) return { isPaid: false, why: error.message };
    throw error;
  }
}

async function judgeAgain(deps: CustodyDeps, payment: CustodyPayment): Promise<CustodyAfterwards> {
  const { db, log } = deps;
  const { groupId, custodian, status } = payment;
  const judgement = payment.chain === null ? null : await lookOnChain(deps, payment);
  const found = judgement?.paid ?? [];
  let why = whyOther(judgement?.others ?? []);
  for (const paid of judgement === null ? [null] : found) {
    const booked = await bookLateCustody(db, groupId, paid);
    if (booked.outcome === 'done') {
      const said = { groupId, custodian, bookedBy: booked.bookedBy, alert: 'CUSTODIAN_PAID_LATE' };
      log.error(said, 'a custodian paid what it had failed and what had been given back');
      return { isPaid: true, why: null };
    }
    why = booked.why;
  }
  // The next look finds it free, where the others were made by something else.
  await sortShared(deps, payment, found);
  if (FAILURES.includes(status) && found.length === 0) return { isPaid: false, why: null };
  const said = { groupId, custodian, status, why, alert: 'CUSTODIAN_CONTRADICTS' };
  log.error(said, 'a custodian takes up a payment that it had failed and that was given back');
  return { isPaid: false, why: why ?? `the custodian now says ${status}` };
}

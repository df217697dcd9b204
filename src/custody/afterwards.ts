/** A custodian's payment that was given back: does the custodian keep to its word? */
import { ChainUnavailable } from '../contracts/chain.ts';
import { type CustodyDeps, findWord, lookOnChain, whyOther } from './advance.ts';
import { CustodianUnavailable } from './custodian.ts';
import { bookLateCustody, type CustodyPayment, readCustody, recordWord } from './custodyTables.ts';

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

/** The payment with the custodian's word of today, or as it was, and why there is none. */
export async function hear(
  deps: CustodyDeps,
  payment: CustodyPayment,
): Promise<{ payment: CustodyPayment; why: string | null }> {
  const bound = deps.custodians.get(payment.custodian);
  if (!bound) return { payment, why: null };
  const { groupId, asset, amount, destination } = payment;
  try {
    const order = { id: groupId, asset, amount, destination };
    const word = await findWord(deps, bound.custodian, order);
    if (word === null) return { payment, why: null };
    return { payment: (await recordWord(deps.db, groupId, word.status, word)).payment, why: null };
  } catch (error) {
    // What it named before may be in a block all the same.
    if (error instanceof CustodianUnavailable) return { payment, why: error.message };
    throw error;
  }
}

async function judgeAgain(deps: CustodyDeps, payment: CustodyPayment): Promise<CustodyAfterwards> {
  const { db, log } = deps;
  const { groupId, custodian, status } = payment;
  const judgement = payment.chain === null ? null : await lookOnChain(deps, payment);
  const found = judgement?.judged === 'paid' ? judgement.paid : [];
  let why = judgement?.judged === 'nothing' ? whyOther(judgement.others) : null;
  for (const paid of judgement === null ? [null] : found) {
    const booked = await bookLateCustody(db, groupId, paid);
    if (booked.outcome === 'done') {
      const said = { groupId, custodian, bookedBy: booked.bookedBy, alert: 'CUSTODIAN_PAID_LATE' };
      log.error(said, 'a custodian paid what it had failed and what had been given back');
      return { isPaid: true, why: null };
    }
    why = booked.why;
  }
  if (FAILURES.includes(status) && found.length === 0) return { isPaid: false, why: null };
  const said = { groupId, custodian, status, why, alert: 'CUSTODIAN_CONTRADICTS' };
  log.error(said, 'a custodian takes up a payment that it had failed and that was given back');
  return { isPaid: false, why: why ?? `the custodian now says ${status}` };
}

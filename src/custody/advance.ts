/** One look at a withdrawal that a custodian pays: as far as it can be brought now. */
import { ChainUnavailable } from '../contracts/chain.ts';
import type { Group } from '../contracts/resources.ts';
import { readGroup } from '../ledger/groups.ts';
import { type Custodian, CustodianUnavailable } from './custodian.ts';
import {
  beginCustody,
  type CustodyPayment,
  noteAsked,
  noteUnderWay,
  type PaidInBlock,
  recordWord,
  releaseCustody,
  settleCustody,
  type UnpaidInBlock,
} from './custodyTables.ts';
import { type CustodyDeps, findWord, lookOnChain } from './hear.ts';
import type { Judgement } from './judge.ts';
import { sortShared } from './namedTwice.ts';

export interface CustodyLook {
  group: Group;
  /** Why it is not done, in a sentence; null: nothing is wrong. */
  why: string | null;
}

/**
 * Asks the custodian to pay, or how far it is; settles or gives back where that is proved. Runs any
 * number of times: before every new try to pay the custodian is asked whether it has the payment.
 */
export async function advanceCustody(deps: CustodyDeps, groupId: string): Promise<CustodyLook> {
  const begun = await beginCustody(deps.db, groupId, [...deps.custodians.keys()]);
  const why =
    begun.result === 'begun'
      ? await advance(deps, begun.payment)
      : begun.result === 'waiting'
        ? begun.why
        : null;
  const group = await readGroup(deps.db, groupId);
  if (!group) throw new Error(`There is no group ${groupId}`);
  return { group, why };
}

async function advance(deps: CustodyDeps, payment: CustodyPayment): Promise<string | null> {
  const bound = deps.custodians.get(payment.custodian);
  try {
    if (!bound) {
      const why = `${payment.custodian} is not configured here: see CUSTODIANS`;
      return await decideAlone(deps, payment, why);
    }
    const heard = await ask(deps, bound.custodian, payment).catch(unheard);
    if (!('silent' in heard)) {
      return (await decide(deps, heard.payment, bound.failureGraceSeconds)) ?? heard.doubt;
    }
    await recordWord(deps.db, payment.groupId, 'unknown', { detail: heard.silent });
    return await decideAlone(deps, payment, heard.silent);
  } catch (error) {
    if (error instanceof ChainUnavailable) return error.message;
    throw error;
  }
}

/** The payment by the custodian's word of today, and what is wrong with that word. */
interface Heard {
  payment: CustodyPayment;
  doubt: string | null;
}

/** Why there is no word of the custodian's on this payment. */
function unheard(error: unknown): { silent: string } {
  if (error instanceof CustodianUnavailable) return { silent: error.message };
  throw error;
}

/** The custodian's word today. A payment that it has never acknowledged is asked for again. */
async function ask(
  deps: CustodyDeps,
  custodian: Custodian,
  payment: CustodyPayment,
): Promise<Heard> {
  const { db, log } = deps;
  const { groupId, asset, amount, destination, status } = payment;
  const order = { id: groupId, asset, amount, destination };
  let word = await findWord(deps, custodian, order);
  if (word === null) {
    if (status === 'refused') return { payment, doubt: null };
    if (status !== null && status !== 'unknown') {
      // It had the payment: to ask for it anew could pay twice.
      log.error({ groupId, alert: 'CUSTODIAN_FORGOT' }, 'a custodian denies a payment that it had');
      throw new CustodianUnavailable('The custodian no longer knows a payment that it had.');
    }
    await noteAsked(db, groupId);
    const said = await custodian.submit(order);
    if ('refused' in said) {
      const { payment } = await recordWord(db, groupId, 'refused', { detail: said.refused });
      return { payment, doubt: null };
    }
    word = said;
  }
  const recorded = await recordWord(db, groupId, word.status, word);
  if (!recorded.contradicts) return { payment: recorded.payment, doubt: null };
  const references = recorded.references ?? [];
  const message = 'a custodian tells two ids for one payment: it may have been paid twice';
  const said = { groupId, references, now: word.reference, alert: 'CUSTODIAN_CONTRADICTS' };
  log.error(said, message);
  const doubt = `the custodian tells two ids for it, ${references.join(' and ')}`;
  return { payment: recorded.payment, doubt };
}

/** Where no chain is looked at. */
const UNSEEN: Judgement = { paid: [], open: [], others: [] };

/** Settles or gives back, where the chain and the custodian leave no doubt. */
async function decide(
  deps: CustodyDeps,
  payment: CustodyPayment,
  graceSeconds: number,
): Promise<string | null> {
  const { db, log } = deps;
  const { groupId, status } = payment;
  const hasFailed = status === 'failed' || status === 'rejected' || status === 'refused';
  const { paid, open, others } = payment.chain === null ? UNSEEN : await lookOnChain(deps, payment);
  // The chain's word comes first: what was paid is paid, also where it is called a failure.
  if (paid.length > 0) {
    const why = await settleByOne(deps, groupId, paid);
    if (why === null) return null;
    const { own, theirs } = await sortShared(deps, payment, paid);
    if (own.length > 0 || !hasFailed) {
      // Where its block is dropped it may be mined in another one.
      await noteUnderWay(db, groupId);
      return why;
    }
    others.push(...theirs);
  }
  if (payment.chain === null && status === 'confirmed') {
    return waitOf(settleCustody(db, groupId, null));
  }
  // Of one that it named before it may have raised the fee; a node may not know the last one yet.
  const last = payment.txids.at(-1) ?? '';
  if (status === 'confirmed' && open.length === 0 && others.some(({ txid }) => txid === last)) {
    const said = { groupId, txid: last, alert: 'CUSTODIAN_CONTRADICTS' };
    log.error(said, 'a custodian calls a payment made by a transaction that does not make it');
  }
  if (!hasFailed) {
    const why = open.length > 0 ? null : whyOther(others);
    if (why !== null || status !== 'confirmed') return why;
    return 'the custodian says paid, the chain does not show it';
  }
  return waitOf(releaseCustody(db, groupId, graceSeconds, [...open, ...others]));
}

/** Why what looks like the payment is not it, in a sentence, or null. */
export function whyOther(others: readonly UnpaidInBlock[]): string | null {
  return others.find(({ why }) => why !== null)?.why ?? null;
}

/**
 * Without a word of the custodian's: what the chain shows is paid, by whatever it named before.
 * Nothing is given back, and `why` is what it waits for.
 */
async function decideAlone(
  deps: CustodyDeps,
  payment: CustodyPayment,
  why: string,
): Promise<string | null> {
  if (payment.chain === null || payment.txids.length === 0) return why;
  const { db } = deps;
  const { paid, open, others } = await lookOnChain(deps, payment);
  if (paid.length > 0 && (await settleByOne(deps, payment.groupId, paid)) === null) return null;
  if (paid.length + open.length + others.length > 0) await noteUnderWay(db, payment.groupId);
  return why;
}

/** By the first that is final and that no other withdrawal was settled by. */
async function settleByOne(
  { db, log }: CustodyDeps,
  groupId: string,
  found: PaidInBlock[],
): Promise<string | null> {
  if (found.length > 1) {
    const said = { groupId, txids: found.map(({ txid }) => txid), alert: 'CUSTODIAN_CONTRADICTS' };
    log.error(
      said,
      'two transactions of a custodian hold one payment: it may have been paid twice',
    );
  }
  let why: string | null = null;
  for (const paid of found) {
    why = await waitOf(settleCustody(db, groupId, paid));
    if (why === null) return null;
  }
  return why;
}

async function waitOf(step: ReturnType<typeof settleCustody>): Promise<string | null> {
  const outcome = await step;
  return outcome.outcome === 'waiting' ? outcome.why : null;
}

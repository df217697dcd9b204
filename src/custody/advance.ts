/** One look at a withdrawal that a custodian pays: as far as it can be brought now. */
import type { ChainConnection } from '../chains/connection.ts';
import { ChainUnavailable } from '../contracts/chain.ts';
import type { Group } from '../contracts/resources.ts';
import type { Db } from '../db/pool.ts';
import { readGroup } from '../ledger/groups.ts';
import type { Log } from '../observability/log.ts';
import { type Custodian, CustodianUnavailable } from './custodian.ts';
import {
  beginCustody,
  type CustodyPayment,
  type PaidInBlock,
  recordWord,
  releaseCustody,
  settleCustody,
} from './custodyTables.ts';
import { judge } from './judge.ts';

export interface CustodyDeps {
  db: Db;
  /** By the names that assets are bound to. */
  custodians: ReadonlyMap<string, { custodian: Custodian; failureGraceSeconds: number }>;
  /** Null: no chain is followed here. */
  chain: ChainConnection | null;
  log: Log;
}

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
  const begun = await beginCustody(deps.db, groupId);
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
  if (!bound) return `${payment.custodian} is not configured here: see CUSTODIANS`;
  try {
    const now = await ask(deps, bound.custodian, payment);
    return await decide(deps, now, bound.failureGraceSeconds);
  } catch (error) {
    if (!(error instanceof CustodianUnavailable) && !(error instanceof ChainUnavailable)) {
      throw error;
    }
    if (error instanceof CustodianUnavailable) {
      await recordWord(deps.db, payment.groupId, 'unknown', { detail: error.message });
    }
    return error.message;
  }
}

/** The custodian's word today. A payment that it has never acknowledged is asked for again. */
async function ask(
  deps: CustodyDeps,
  custodian: Custodian,
  payment: CustodyPayment,
): Promise<CustodyPayment> {
  const { db, log } = deps;
  const { groupId, asset, amount, destination, status } = payment;
  let word = await custodian.find(groupId);
  if (word === null) {
    if (status === 'refused') return payment;
    if (status !== null && status !== 'unknown') {
      // It had the payment: to ask for it anew could pay twice.
      log.error({ groupId, alert: 'CUSTODIAN_FORGOT' }, 'a custodian denies a payment that it had');
      throw new CustodianUnavailable('The custodian no longer knows a payment that it had.');
    }
    const said = await custodian.submit({ id: groupId, asset, amount, destination });
    if ('refused' in said) {
      const refused = await recordWord(db, groupId, 'refused', { detail: said.refused });
      return refused.payment;
    }
    word = said;
  }
  const recorded = await recordWord(db, groupId, word.status, word);
  if (recorded.contradicts) {
    const ids = { first: recorded.payment.reference, now: word.reference };
    const message = 'a custodian tells two ids for one payment: it may have been paid twice';
    log.error({ groupId, ...ids, alert: 'CUSTODIAN_CONTRADICTS' }, message);
  }
  return recorded.payment;
}

/** Settles or gives back, where the chain and the custodian leave no doubt. */
async function decide(
  deps: CustodyDeps,
  payment: CustodyPayment,
  graceSeconds: number,
): Promise<string | null> {
  const { db } = deps;
  const { groupId, status } = payment;
  const judgement = payment.chain === null ? null : await lookOnChain(deps, payment);
  // The chain's word comes first: what was paid is paid, also where it is called a failure.
  if (judgement?.judged === 'paid') return settleByOne(db, groupId, judgement.paid);
  if (judgement === null && status === 'confirmed') return waitOf(settleCustody(db, groupId, null));
  if (status !== 'failed' && status !== 'rejected' && status !== 'refused') {
    return status === 'confirmed' ? 'the custodian says paid, the chain does not show it' : null;
  }
  if (judgement?.judged === 'open') return 'it says failed, and its transaction may still be mined';
  return waitOf(releaseCustody(db, groupId, graceSeconds));
}

/** By the first that is final and that no other withdrawal was settled by. */
async function settleByOne(db: Db, groupId: string, found: PaidInBlock[]): Promise<string | null> {
  let why: string | null = null;
  for (const paid of found) {
    why = await waitOf(settleCustody(db, groupId, paid));
    if (why === null) return null;
  }
  return why;
}

/** What the chain says of it. @throws ChainUnavailable where the node does not tell */
export async function lookOnChain({ chain }: CustodyDeps, payment: CustodyPayment) {
  if (chain === null) throw new ChainUnavailable(`Nobody here follows ${payment.chain}.`);
  const port = await chain();
  if (port.chain !== payment.chain) {
    throw new ChainUnavailable(`The node is on ${port.chain}, the payment on ${payment.chain}.`);
  }
  return judge(port, payment);
}

async function waitOf(step: ReturnType<typeof settleCustody>): Promise<string | null> {
  const outcome = await step;
  return outcome.outcome === 'waiting' ? outcome.why : null;
}

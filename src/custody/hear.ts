/** What a custodian says of a payment today, and what its chain shows. */
import type { ChainConnection } from '../chains/connection.ts';
import { ChainUnavailable } from '../contracts/chain.ts';
import type { Db } from '../db/pool.ts';
import type { Log } from '../observability/log.ts';
import {
  type Custodian,
  CustodianUnavailable,
  type CustodyOrder,
  type CustodyWord,
  OtherPayment,
} from './custodian.ts';
import { type CustodyPayment, foreignFault, recordWord } from './custodyTables.ts';
import { judge } from './judge.ts';

export interface CustodyDeps {
  db: Db;
  /** By the names that assets are bound to. */
  custodians: ReadonlyMap<string, { custodian: Custodian; failureGraceSeconds: number }>;
  /** Null: no chain is followed here. */
  chain: ChainConnection | null;
  log: Log;
}

/**
 * What the custodian knows of a payment, where that is about what was asked for; else an alert.
 *
 * @throws CustodianUnavailable
 */
export async function findWord(
  { log }: CustodyDeps,
  custodian: Custodian,
  order: CustodyOrder,
): Promise<CustodyWord | null> {
  try {
    return await custodian.find(order);
  } catch (error) {
    if (error instanceof OtherPayment) {
      const said = { groupId: order.id, why: error.message, alert: 'CUSTODIAN_CONTRADICTS' };
      log.error(said, 'a custodian has somebody else’s payment under the id of ours');
    }
    throw error;
  }
}

/** What a custodian says today of a payment that these books have ended. */
export interface Heard {
  /** As it is by that word, or as it was. */
  payment: CustodyPayment;
  /** Null: there is none, since it knows no such payment, or as `why` says. */
  word: CustodyWord | null;
  why: string | null;
}

/** Asks once more about a payment that has ended; no word of it opens it again. */
export async function hear(deps: CustodyDeps, payment: CustodyPayment): Promise<Heard> {
  const bound = deps.custodians.get(payment.custodian);
  if (!bound) return { payment, word: null, why: null };
  const { groupId, asset, amount, destination } = payment;
  try {
    const order = { id: groupId, asset, amount, destination };
    const word = await findWord(deps, bound.custodian, order);
    if (word === null) return { payment, word, why: null };
    const recorded = await recordWord(deps.db, groupId, word.status, word);
    return { payment: recorded.payment, word, why: null };
  } catch (error) {
    // What it named before may be in a block all the same.
    if (error instanceof CustodianUnavailable) return { payment, word: null, why: error.message };
    throw error;
  }
}

/** What the chain says of it. @throws ChainUnavailable where the node does not tell */
export async function lookOnChain({ chain, db }: CustodyDeps, payment: CustodyPayment) {
  if (chain === null) throw new ChainUnavailable(`Nobody here follows ${payment.chain}.`);
  const port = await chain();
  if (port.chain !== payment.chain) {
    throw new ChainUnavailable(`The node is on ${port.chain}, the payment on ${payment.chain}.`);
  }
  return judge(port, payment, (found) => foreignFault(db, payment.groupId, found));
}

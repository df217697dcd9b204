/**
 * What Holdfast asks of a custodian, who signs and broadcasts by itself. One adapter a provider
 * implements it. The group's id is the payment's id with the custodian too: asked to pay it again,
 * a custodian answers with the payment that it has.
 */
import type { Amount } from '../contracts/resources.ts';
import { keptReason, NO_REASON } from '../contracts/texts.ts';

export interface CustodyOrder {
  /** The group's id. */
  id: string;
  asset: string;
  amount: Amount;
  destination: string;
}

/**
 * The custodian's word on a payment. `submitted`: taken; `pending`: on its way to the chain;
 * `confirmed`: paid, it says; `failed`, `rejected`: final, it will not pay.
 */
export interface CustodyWord {
  status: 'submitted' | 'pending' | 'confirmed' | 'failed' | 'rejected';
  /** The custodian's own id of the payment. */
  reference: string;
  /** Learned later than the rest, and another one where the custodian raised a fee. */
  txid: string | null;
  detail: string | null;
}

/** It says that it does not take the payment and has not stored it. */
export interface CustodyRefusal {
  refused: string;
}

export interface Custodian {
  /**
   * Asks it to pay. May be asked any number of times.
   *
   * @throws CustodianUnavailable where there is no answer: it may have taken the payment
   */
  submit(order: CustodyOrder): Promise<CustodyWord | CustodyRefusal>;
  /**
   * What it knows of the payment of this id; null: it says that it knows none.
   *
   * @throws CustodianUnavailable where there is no answer
   * @throws OtherPayment where the one that it knows is not what was asked for
   */
  find(order: CustodyOrder): Promise<CustodyWord | null>;
}

/** The custodian did not answer, or not in its own words. It proves nothing. */
export class CustodianUnavailable extends Error {
  override readonly name: string = 'CustodianUnavailable';

  /** What it said may be among the words: told as far as a column holds it. */
  constructor(message: string) {
    super(keptReason(message) ?? NO_REASON);
  }
}

/**
 * What it has under the id is somebody else's payment: of another asset or amount, or to another
 * destination. Nothing that it says of that one is about ours.
 */
export class OtherPayment extends CustodianUnavailable {
  override readonly name = 'OtherPayment';
}

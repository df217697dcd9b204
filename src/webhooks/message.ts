/** What an endpoint is sent: a body that says what happened, and a signature over it. */
import { createHash, createHmac } from 'node:crypto';
import type { PayoutRun } from '../contracts/payouts.ts';
import type { Group, Timestamp } from '../contracts/resources.ts';
import { keyOfSecret } from '../contracts/signingSecret.ts';
import type { Refusal } from '../contracts/steps.ts';
import type { DueDelivery } from './deliveryTables.ts';

/** The body, in the form that Standard Webhooks recommends. */
export interface Message {
  /** Such as `group.settled`. */
  type: string;
  /** When it happened. */
  timestamp: Timestamp;
  data: {
    groupId: string;
    /** The step that did it, as entries name it. */
    operation: string;
    /** The group as that step left it; null where it was no step of a group. */
    group: Group | null;
    /** The run, where the event is one of a payout run. */
    payoutRun: PayoutRun | null;
    /** Why nothing moved, where that is what happened. */
    refusal: Refusal | null;
  };
}

/** Hex digits of a hash; enough that no two events of a ledger share them. */
const ID_DIGITS = 32;

/** Says what happened in the words of the operation's frozen answer. */
export function messageOf({ event, at, groupId, operation, answer }: DueDelivery): Message {
  const { group, run, refusal } = answer === null ? {} : JSON.parse(answer);
  const told = { group: group ?? null, payoutRun: run ?? null, refusal: refusal ?? null };
  return { type: event, timestamp: at, data: { groupId, operation, ...told } };
}

/**
 * Names an event for ever: the same whenever it is delivered again, also out of a restored
 * database, whose rows get other numbers.
 */
export function messageId({ groupId, operation, event }: DueDelivery): string {
  const hash = createHash('sha256').update(JSON.stringify([groupId, operation, event]));
  return `evt_${hash.digest('hex').slice(0, ID_DIGITS)}`;
}

/**
 * Headers by which the receiver knows that the body came from us, and when:
 * https://github.com/standard-webhooks/standard-webhooks (its `spec` folder).
 *
 * @param seconds since 1970, of this try
 */
export function signatureHeaders(
  id: string,
  body: string,
  secrets: readonly string[],
  seconds: number,
): Record<string, string> {
  const signatures = secrets.map((secret) => {
    const hmac = createHmac('sha256', keyOfSecret(secret));
    return `v1,${hmac.update(`${id}.${seconds}.${body}`).digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': String(seconds),
    'webhook-signature': signatures.join(' '),
  };
}

/**
 * Shapes of the updates. The API sends complete inputs; a person at the Temporal UI types only what
 * matters, such as `{"expiresIn": 3600}`, and the rest is filled in here. Checks look at the shape
 * alone: a refused shape leaves no trace, so whatever depends on state is left to the ledger.
 */
import { amountFault } from '../src/contracts/amounts.ts';
import type { SagaUpdate, SagaUpdates, SignalReason } from '../src/contracts/sagas.ts';
import type { Actor, LegAmount, LegInput } from '../src/contracts/steps.ts';
import { sentenceFor } from './personAnswers.ts';

/** A person at the Temporal UI or CLI, who cannot be told apart from another one there. */
export const TEMPORAL_UI: Actor = { name: 'temporal-ui', admin: false };

/** Longest time a deadline can lie ahead: 90 days in seconds (API.md, Transfer groups). */
const MAX_EXPIRES_IN_SECONDS = 90 * 86_400;
/** Longest reason in characters (API.md, Transfer groups). */
export const MAX_REASON_LENGTH = 500;

type Typed = Record<string, unknown>;

/** Reads each update's own fields out of what was typed; throws a sentence where they are wrong. */
const FIELDS = {
  addLegs: (typed: Typed) => ({ legs: legsOf(typed) }),
  settle: (typed: Typed) => ({ legs: legAmountsOf(typed), final: flagOf(typed, 'final', true) }),
  release: (typed: Typed) => ({ reason: reasonOf(typed) }),
  cancel: (typed: Typed) => ({ reason: reasonOf(typed) }),
  extend: (typed: Typed) => ({ expiresIn: expiresInOf(typed) }),
  confirm: captureOf,
  cancelDeposit: (typed: Typed) => ({ reason: reasonOf(typed) }),
  finalize: captureOf,
  releaseWithdrawal: (typed: Typed) => {
    const amount = amountOf(typed, 'amount');
    const final = flagOf(typed, 'final', amount === null);
    return { reason: reasonOf(typed), amount, final };
  },
  speedUp: (typed: Typed) => ({ maxFee: amountOf(typed, 'maxFee') }),
  cancelOnChain: (typed: Typed) => ({ maxFee: amountOf(typed, 'maxFee') }),
};

/** What a person can type, as it is shown to one who typed something else. */
const EXAMPLES: Record<SagaUpdate, string> = {
  addLegs: '{"legs": [{"wallet": "w1", "type": "DEBIT", "amount": "1.5"}]}',
  settle: '{} for everything held, or {"legs": [{"leg": 1, "amount": "1.5"}], "final": false}',
  release: '{"reason": "customer called"}',
  cancel: '{"reason": "customer called"}',
  extend: '{"expiresIn": 3600}',
  confirm: '{} for all that is pending, or {"amount": "1.5"}',
  cancelDeposit: '{"reason": "never arrived"}',
  finalize: '{"txid": "wire 7"}',
  releaseWithdrawal: '{"reason": "returned by the bank"}',
  speedUp: '{} or {"maxFee": "0.01"}',
  cancelOnChain: '{} or {"maxFee": "0.01"}',
};
/** Who the step is for; a person may leave it out, and the group may be named. */
const ENVELOPE = ['groupId'];

/** Typed by a person: whatever a service sends has its step key. */
export function isTyped(input: unknown): boolean {
  return typeof (input as Typed | null | undefined)?.stepKey !== 'string';
}

/**
 * Throws INVALID_REQUEST with a sentence when the input cannot be that update's. Nothing typed is
 * not `{}`, and a field that the update does not have is a mistake: the UI's dialog keeps text from
 * before, and a settle that was meant for one leg must not settle all.
 */
export function checkInput(update: SagaUpdate, input: unknown, groupId: string): void {
  const typed = objectOf(input, `The input is one JSON object: ${EXAMPLES[update]}.`);
  if (typed.groupId !== undefined && typed.groupId !== groupId) {
    throw invalid(`This workflow drives the group ${groupId}, not ${String(typed.groupId)}.`);
  }
  const fields = FIELDS[update](typed);
  if (!isTyped(input)) return;
  const strange = Object.keys(typed).find((key) => !(key in fields || ENVELOPE.includes(key)));
  if (strange === undefined) return;
  throw invalid(`"${strange}" is no field of ${update}. Its input is ${EXAMPLES[update]}.`);
}

/**
 * The ledger's input. What comes without a step key was typed by a person: its key is the id of the
 * update, so that the same update sent twice has one effect, and its actor is `temporal-ui`.
 */
export function completeInput<U extends SagaUpdate>(
  update: U,
  input: unknown,
  groupId: string,
  updateId: string,
): SagaUpdates[U] {
  if (!isTyped(input)) return input as SagaUpdates[U];
  const typed = objectOf(input, 'The input is one JSON object.');
  const step = { groupId, stepKey: `~update:${updateId}`, actor: TEMPORAL_UI };
  return { ...step, ...FIELDS[update](typed) } as unknown as SagaUpdates[U];
}

function captureOf(typed: Typed) {
  const amount = amountOf(typed, 'amount');
  const txid = typeof typed.txid === 'string' ? typed.txid : null;
  return { amount, final: flagOf(typed, 'final', amount === null), txid };
}

function objectOf(input: unknown, otherwise: string): Typed {
  if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Typed;
  throw invalid(otherwise);
}

/** The reason that a button was pressed with, or null: who presses may say anything or nothing. */
export function saidReason(said: SignalReason): string | null {
  const reason = typeof said === 'object' && said !== null ? said.reason : said;
  return typeof reason === 'string' && reason.trim() !== ''
    ? reason.slice(0, MAX_REASON_LENGTH)
    : null;
}

function reasonOf({ reason }: Typed): string {
  if (typeof reason === 'string' && reason.trim() !== '' && reason.length <= MAX_REASON_LENGTH) {
    return reason;
  }
  throw invalid(`"reason" is a text of 1 to ${MAX_REASON_LENGTH} characters.`);
}

function expiresInOf({ expiresIn }: Typed): number {
  const seconds = Number.isInteger(expiresIn) ? (expiresIn as number) : 0;
  if (seconds >= 1 && seconds <= MAX_EXPIRES_IN_SECONDS) return seconds;
  throw invalid(`"expiresIn" is a whole number of seconds from 1 to ${MAX_EXPIRES_IN_SECONDS}.`);
}

function flagOf(typed: Typed, field: string, fallback: boolean): boolean {
  const value = typed[field];
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'boolean') return value;
  throw invalid(`"${field}" is true or false.`);
}

function amountOf(typed: Typed, field: string): string | null {
  const value = typed[field];
  if (value === undefined || value === null) return null;
  const fault = amountFault(value, null);
  if (fault) throw invalid(`"${field}": ${fault}`);
  return value as string;
}

function legsOf({ legs }: Typed): LegInput[] {
  if (!Array.isArray(legs) || legs.length === 0) throw invalid('"legs" is a list of legs.');
  return legs.map((leg: unknown) => {
    const { wallet, type, amount, asset } = objectOf(leg, 'A leg is an object.');
    if (typeof wallet !== 'string') throw invalid('Each leg names its "wallet".');
    if (type !== 'DEBIT' && type !== 'CREDIT') throw invalid('A leg is "DEBIT" or "CREDIT".');
    const fault = amountFault(amount, null);
    if (fault) throw invalid(`A leg's "amount": ${fault}`);
    const named = typeof asset === 'string' ? { asset } : {};
    return { wallet, type, amount: amount as string, ...named };
  });
}

function legAmountsOf({ legs }: Typed): LegAmount[] | null {
  if (legs === undefined || legs === null) return null;
  if (!Array.isArray(legs)) throw invalid('"legs" is a list of {"leg", "amount"}.');
  return legs.map((item: unknown) => {
    const { leg, amount } = objectOf(item, 'An item of "legs" is {"leg", "amount"}.');
    if (!Number.isInteger(leg)) throw invalid('Each item names its "leg" by number.');
    const fault = amountFault(amount, null);
    if (fault) throw invalid(`The "amount" of leg ${String(leg)}: ${fault}`);
    return { leg: leg as number, amount: amount as string };
  });
}

function invalid(message: string): Error {
  return sentenceFor(message, 'INVALID_REQUEST');
}

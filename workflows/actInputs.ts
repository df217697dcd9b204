/**
 * Shapes of the updates. The API sends complete inputs; a person at the Temporal UI types only what
 * matters, such as `{"expiresIn": 3600}`, and the rest is filled in here. Checks look at the shape
 * alone: a refused shape leaves no trace, so whatever depends on state is left to the ledger.
 */
import { amountFault } from '../src/contracts/amounts.ts';
import type { SagaUpdate, SagaUpdates, SignalReason } from '../src/contracts/sagas.ts';
import type { Actor, LegAmount, LegInput } from '../src/contracts/steps.ts';
import { keptReason, lengthOf, MAX_REASON_LENGTH, textFault } from '../src/contracts/texts.ts';
import { sentenceFor } from './personAnswers.ts';

/** A person at the Temporal UI or CLI, who cannot be told apart from another one there. */
export const TEMPORAL_UI: Actor = { name: 'temporal-ui', admin: false };

/** Longest time a deadline can lie ahead: 90 days in seconds (API.md, Transfer groups). */
const MAX_EXPIRES_IN_SECONDS = 90 * 86_400;
/** Highest number that a leg can have: the column's. */
const MAX_LEG_NUMBER = 32_767;
/** Longest reference of the outside to a payment, in characters, as in the API. */
const MAX_TXID_LENGTH = 255;
/** Above the longest key of a client with its verb and name; the database indexes it. */
const MAX_STEP_KEY_LENGTH = 512;

const LEAVE_OUT = 'Leave "stepKey" out to act as a person.';
/** As a gateway writes it. */
const UTC_TIME = /^(?!0000)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$/;

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
/** What stands around an update's own fields: a person may name the group, a service says all. */
const ENVELOPE = ['groupId'];
const SERVICE_ENVELOPE = [...ENVELOPE, 'stepKey', 'actor', 'acceptBy'];

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
  const envelope = isTyped(input) ? ENVELOPE : SERVICE_ENVELOPE;
  const strange = strangeOf(typed, [...Object.keys(fields), ...envelope]);
  if (strange !== undefined) {
    throw invalid(`"${strange}" is no field of ${update}. Its input is ${EXAMPLES[update]}.`);
  }
  if (!isTyped(input)) checkService(typed, Object.keys(fields));
}

/** A field that was typed and that nobody reads. */
export function strangeOf(typed: object, known: string[]): string | undefined {
  return Object.keys(typed).find((key) => !known.includes(key));
}

/**
 * What has a step key goes to the ledger as it is, so nothing of it may be missing or of another
 * type: a step that cannot even be asked for would be tried again without end.
 */
function checkService(typed: Typed, fields: string[]): void {
  const { groupId, stepKey, actor, acceptBy = null } = typed;
  const by = objectOf(actor, `"stepKey" comes from services, with an "actor". ${LEAVE_OUT}`);
  const isActor = typeof by.name === 'string' && typeof by.admin === 'boolean';
  const isTime = acceptBy === null || isUtcTime(String(acceptBy));
  const missing = fields.find((field) => typed[field] === undefined);
  if (!isActor) throw invalid(`"actor" is {"name", "admin"}. ${LEAVE_OUT}`);
  if (groupId === undefined) throw invalid(`"groupId" is missing. ${LEAVE_OUT}`);
  if (!isTime) throw invalid(`"acceptBy" is no time. ${LEAVE_OUT}`);
  if (missing !== undefined) throw invalid(`"${missing}" is missing. ${LEAVE_OUT}`);
  checkText('"stepKey"', stepKey as string, MAX_STEP_KEY_LENGTH);
  checkText('The name of "actor"', by.name as string, MAX_STEP_KEY_LENGTH);
}

/** Whether the calendar and the clock have it, so that the database takes it. */
function isUtcTime(text: string): boolean {
  const at = UTC_TIME.test(text) ? new Date(text) : new Date(Number.NaN);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text.slice(0, 19));
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
  const { txid = null } = typed;
  // What the outside calls a payment is its own matter: the API takes blanks too.
  if (txid !== null) keepable('"txid"', txid, MAX_TXID_LENGTH);
  return { amount, final: flagOf(typed, 'final', amount === null), txid };
}

function objectOf(input: unknown, otherwise: string): Typed {
  // What was sent as bytes arrives as such, and no bytes would be an object without fields.
  const isList = Array.isArray(input) || ArrayBuffer.isView(input);
  if (typeof input === 'object' && input !== null && !isList) return input as Typed;
  throw invalid(otherwise);
}

/** The reason that a button was pressed with, or null: who presses may say anything or nothing. */
export function saidReason(said: SignalReason): string | null {
  const reason = typeof said === 'object' && said !== null ? said.reason : said;
  return typeof reason === 'string' ? keptReason(reason) : null;
}

function reasonOf({ reason }: Typed): string {
  return checkText('"reason"', reason, MAX_REASON_LENGTH);
}

/** A text that says something, and that the ledger can keep. */
export function checkText(what: string, text: unknown, most: number): string {
  return keepable(what, typeof text === 'string' && text.trim() === '' ? '' : text, most);
}

/** A text that the ledger can keep. */
function keepable(what: string, text: unknown, most: number): string {
  if (typeof text !== 'string' || text === '' || lengthOf(text) > most) {
    throw invalid(`${what} is a text of 1 to ${most} characters.`);
  }
  const fault = textFault(text);
  if (fault !== null) throw invalid(`${what}: ${fault}`);
  return text;
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
    const { wallet, type, amount, asset } = legOf(leg, ['wallet', 'type', 'amount', 'asset']);
    if (!isName(wallet)) throw invalid('Each leg names its "wallet".');
    if (asset !== undefined && asset !== null && !isName(asset)) {
      throw invalid('The "asset" of a leg is its code, or is left out.');
    }
    if (type !== 'DEBIT' && type !== 'CREDIT') throw invalid('A leg is "DEBIT" or "CREDIT".');
    const fault = amountFault(amount, null);
    if (fault) throw invalid(`A leg's "amount": ${fault}`);
    const named = typeof asset === 'string' ? { asset } : {};
    return { wallet, type, amount: amount as string, ...named };
  });
}

function legOf(item: unknown, known: string[]): Typed {
  const shape = `A leg is {${known.map((field) => `"${field}"`).join(', ')}}.`;
  const leg = objectOf(item, shape);
  const strange = strangeOf(leg, known);
  if (strange !== undefined) throw invalid(`"${strange}" is no field of a leg. ${shape}`);
  return leg;
}

function legAmountsOf({ legs }: Typed): LegAmount[] | null {
  if (legs === undefined || legs === null) return null;
  if (!Array.isArray(legs)) throw invalid('"legs" is a list of {"leg", "amount"}.');
  return legs.map((item: unknown) => {
    const { leg, amount } = legOf(item, ['leg', 'amount']);
    if (!Number.isInteger(leg) || Math.abs(leg as number) > MAX_LEG_NUMBER) {
      throw invalid('Each item names its "leg" by number.');
    }
    const fault = amountFault(amount, null);
    if (fault) throw invalid(`The "amount" of leg ${String(leg)}: ${fault}`);
    return { leg: leg as number, amount: amount as string };
  });
}

/** Whether there is such a wallet or asset the ledger says; what it cannot look for is no name. */
function isName(name: unknown): name is string {
  return typeof name === 'string' && textFault(name) === null;
}

function invalid(message: string): Error {
  return sentenceFor(message, 'INVALID_REQUEST');
}

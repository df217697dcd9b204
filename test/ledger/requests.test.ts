/** What a key stands for: each field of a request that says something about money or terms. */
import { expect, it } from 'vitest';
import {
  canonicalRequest,
  type LedgerVerb,
  type StepInputs,
  sameRequest,
} from '../../src/ledger/requests.ts';

const STEP = { groupId: 'g', stepKey: 's:shop:1', actor: { name: 'shop', admin: false } };
/** Who asks, when, and under which key: no part of what is asked. */
const ASKER = {
  groupId: 'other',
  stepKey: 's:shop:2',
  actor: { name: 'other', admin: true },
  acceptBy: '2026-01-01T00:00:00.000000Z',
};

const legs = [
  { wallet: 'a', type: 'DEBIT' as const, amount: '10' },
  { wallet: 'b', type: 'CREDIT' as const, amount: '10' },
];
const parts = [
  { leg: 1, amount: '2' },
  { leg: 2, amount: '2' },
];
const [debit] = legs;
const OTHER_LEGS = [
  legs.slice(0, 1),
  [...legs, debit!],
  [legs[1]!, debit!],
  [{ ...debit!, wallet: 'c' }, legs[1]!],
  [{ ...debit!, type: 'CREDIT' as const }, legs[1]!],
  [{ ...debit!, amount: '10.01' }, legs[1]!],
  [{ ...debit!, asset: 'EUR' }, legs[1]!],
];
const OTHER_PARTS = [
  null,
  parts.slice(0, 1),
  [...parts, parts[0]!],
  [parts[0]!, { leg: 2, amount: '3' }],
  [parts[0]!, { leg: 3, amount: '2' }],
];
const OTHER_METADATA = [{}, { a: 2 }, { a: 1, b: 1 }];

type Meaning<Input> = Omit<Input, keyof typeof ASKER | 'freeze'>;
/** A request, and of each of its fields what else it could say. */
type Sample<Input> = {
  [Field in keyof Required<Meaning<Input>>]: [is: Input[Field], ...others: Input[Field][]];
};

const reason = ['it had to be', 'another'] as [string, string];
const amount = ['5', '5.01', null] as [string, string, null];
const final = [true, false] as [boolean, boolean];
const txid = ['0x1', '0x2', null] as [string, string, null];
const expiresAt = ['2026-01-01T00:00:00.000001Z', '2026-01-01T00:00:00.000002Z'] as [
  string,
  string,
];
const maxFee = ['0.5', '0.6', null] as [string, string, null];

const SAMPLES: { [V in LedgerVerb]: Partial<Sample<StepInputs[V]>> } = {
  openTransfer: {
    legs: [legs, ...OTHER_LEGS],
    settle: ['manual', 'immediate'],
    expiresIn: [60, 61, null],
    reference: ['order 1', 'order 2', null],
    metadata: [{ a: 1 }, ...OTHER_METADATA],
  },
  addLegs: { legs: [legs, ...OTHER_LEGS] },
  settle: { legs: [parts, ...OTHER_PARTS], final },
  release: { reason },
  cancel: { reason },
  expire: { expiresAt },
  extend: { expiresIn: [60, 61] },
  reverse: {
    reverses: ['o', 'p'],
    amount,
    legs: [parts, ...OTHER_PARTS],
    reason,
  },
  openDeposit: {
    wallet: ['a', 'b'],
    amount: ['5', '5.01'],
    txid,
    ordinal: [0, 1, null],
    source: ['bank', 'other bank', null],
    metadata: [{ a: 1 }, ...OTHER_METADATA],
  },
  confirmDeposit: { amount, final, txid },
  cancelDeposit: { reason },
  openWithdrawal: {
    wallet: ['a', 'b'],
    amount: ['5', '5.01'],
    destination: ['iban:1', 'iban:2'],
    feeMode: ['platform', 'customer'],
    maxFee,
    riskMeta: [{ a: 1 }, ...OTHER_METADATA, null],
    expiresIn: [60, 61, null],
    metadata: [{ a: 1 }, ...OTHER_METADATA],
    reference: ['line 1', 'line 2', null],
  },
  finalizeWithdrawal: { amount, final, txid },
  releaseWithdrawal: { reason, amount, final },
  speedUp: { maxFee },
  cancelOnChain: { maxFee },
  markStuck: { expiresAt },
  approve: { reason },
  reject: { reason },
  recordRisk: { verdict: ['allow', 'deny'], reason },
  tombstone: { kind: ['transfer', 'deposit'], client: ['shop', 'other'], reason },
};

const verbs = Object.keys(SAMPLES) as LedgerVerb[];
const meaningOf = (verb: LedgerVerb, input: object) =>
  canonicalRequest(verb, input as StepInputs[LedgerVerb]);

it.each(verbs)('%s under a used key is another request where any of its fields differs', (verb) => {
  const fields = Object.entries(SAMPLES[verb]) as [string, [unknown, ...unknown[]]][];
  const input = { ...STEP, ...Object.fromEntries(fields.map(([name, [is]]) => [name, is])) };
  // As the row keeps it.
  const stored = JSON.parse(JSON.stringify(meaningOf(verb, input)));
  expect(sameRequest(stored, meaningOf(verb, input))).toBe(true);
  const byAnother = { ...input, ...ASKER };
  expect(sameRequest(stored, meaningOf(verb, byAnother))).toBe(true);
  for (const [name, [, ...others]] of fields) {
    for (const other of others) {
      const asked = meaningOf(verb, { ...input, [name]: other });
      const why = `${name} ${JSON.stringify(other)}`;
      expect(sameRequest(stored, asked), why).toBe(false);
      expect(sameRequest(asked, stored), why).toBe(false);
    }
  }
});

it('a list in the metadata is another one where it is longer, whatever it is longer by', () => {
  const short = { metadata: { tags: ['a'] } };
  const long = { metadata: { tags: ['a', null] } };
  expect(sameRequest(short, long)).toBe(false);
  expect(sameRequest(long, short)).toBe(false);
});

it('a null is nothing in a field of ours, and something in what belongs to the caller', () => {
  expect(sameRequest({ reference: null, metadata: null }, {})).toBe(true);
  const metadata = (value: object) => ({ metadata: value });
  expect(sameRequest(metadata({ a: { b: null } }), metadata({ a: { b: null } }))).toBe(true);
  for (const [one, other] of [
    [{ a: null }, {}],
    [{ a: { b: null } }, { a: {} }],
    [{ a: null }, { a: {} }],
  ] as const) {
    expect(sameRequest(metadata(one), metadata(other))).toBe(false);
    expect(sameRequest(metadata(other), metadata(one))).toBe(false);
  }
});

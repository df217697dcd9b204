import { expect, test } from 'vitest';
import { differingFields } from '../../src/api/requestDiff.ts';

function pointers(stored: unknown, asked: unknown): string[] {
  return differingFields(stored, asked).map(({ pointer }) => pointer);
}

test('each field that differs is named by its pointer, the innermost one', () => {
  const stored = {
    legs: [{ wallet: 'a', amount: '1' }],
    reference: 'x',
    metadata: { a: { b: 1 } },
  };
  const asked = {
    legs: [{ wallet: 'a', amount: '2' }],
    reference: null,
    metadata: { a: { b: 2 } },
  };
  expect(pointers(stored, asked)).toEqual(['/legs/0/amount', '/reference', '/metadata/a/b']);
});

test('a leg more or less is named as a whole', () => {
  expect(pointers({ legs: [] }, { legs: [{ wallet: 'a' }] })).toEqual(['/legs/0']);
  expect(pointers({ legs: [{ wallet: 'a' }] }, { legs: [] })).toEqual(['/legs/0']);
});

test('an asset that is not its wallet’s own is a difference, also from none', () => {
  const leg = (asset?: string | null) => ({ legs: [{ wallet: 'a', asset }] });
  expect(pointers(leg('ETH'), leg())).toEqual(['/legs/0/asset']);
  expect(pointers(leg(null), leg('ETH'))).toEqual(['/legs/0/asset']);
  expect(pointers(leg(null), leg())).toEqual([]);
  expect(pointers(leg('ETH'), leg('BTC'))).toEqual(['/legs/0/asset']);
});

test('null and absent are the same', () => {
  expect(pointers({ reference: null }, {})).toEqual([]);
});

test('null and absent are two things in what belongs to the caller', () => {
  const metadata = (value: object) => ({ metadata: value });
  expect(pointers(metadata({ a: null }), metadata({}))).toEqual(['/metadata/a']);
  expect(pointers(metadata({ a: [1] }), metadata({ a: [1, null] }))).toEqual(['/metadata/a/1']);
  expect(pointers(metadata({ a: null }), metadata({ a: null }))).toEqual([]);
});

test('keys with / and ~ are escaped', () => {
  expect(pointers({ metadata: { 'a/b~c': 1 } }, { metadata: { 'a/b~c': 2 } })).toEqual([
    '/metadata/a~1b~0c',
  ]);
});

test('parts of legs are compared by leg, and named where the caller sent them', () => {
  const parts = (...list: [number, string][]) => list.map(([leg, amount]) => ({ leg, amount }));
  const stored = { legs: parts([1, '5'], [2, '5']), final: true };
  const named = (sent: { leg: number; amount: string }[]) => {
    const asked = { legs: [...sent].sort((a, b) => a.leg - b.leg), final: true };
    return differingFields(stored, asked, sent).map(({ pointer }) => pointer);
  };
  expect(named(parts([2, '5'], [1, '5']))).toEqual([]);
  expect(named(parts([2, '5'], [1, '6']))).toEqual(['/legs/1/amount']);
  expect(named(parts([2, '5']))).toEqual(['/legs']);
  expect(named(parts([2, '5'], [3, '1'], [1, '5']))).toEqual(['/legs/1']);
});

test('whether a part is final follows its amount, unless somebody said it', () => {
  const [whole, part] = [
    { amount: null, final: true },
    { amount: '2', final: false },
  ];
  expect(pointers(whole, part)).toEqual(['/amount']);
  expect(pointers(part, whole)).toEqual(['/amount']);
  expect(pointers(part, { ...part, final: true })).toEqual(['/final']);
  expect(pointers(part, { amount: '3', final: true })).toEqual(['/amount', '/final']);
  expect(pointers({ ...whole, final: false }, { ...part, final: true })).toEqual([
    '/amount',
    '/final',
  ]);
});

/**
 * Hostile requests: any call, with values that were never meant. Whatever comes, the answer is one
 * that the document names, no error of ours, and no saga is left trying for ever.
 */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { credit, debit, makeAsset, openWallet } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

const RUNS = 300;

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  await makeAsset(api, 'USD');
  await openWallet(api, 'a', 'USD', '100');
  await openWallet(api, 'b', 'USD');
  const legs = [debit('a', '1'), credit('b', '1')];
  await api.admin.post('/v1/transfers', { legs, settle: 'manual' }, { key: 'held' });
  await api.admin.post('/v1/deposits', { wallet: 'a', amount: '1' }, { key: 'held' });
  const out = { wallet: 'a', amount: '1', destination: 'iban' };
  await api.admin.post('/v1/withdrawals', out, { key: 'held' });
});

const NUMBERS = [0, -1, 1.5, 2 ** 31, 2 ** 53, Number.MAX_VALUE, 1e-300];
const AMOUNTS = ['1', '0.01', '0.001', '9'.repeat(38), `0.${'0'.repeat(35)}1`, '1e9', '-1', ''];
const TEXTS = [
  'a',
  'x'.repeat(5000),
  '😀'.repeat(300),
  '\u202e',
  "'; drop table wallets; --",
  '%00',
];
const KNOWN = ['a', 'b', 'USD', 'DEBIT', 'CREDIT', 'manual', 'day', 'read', 'withdrawal', 'safe'];

const scalar = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, ...NUMBERS, ...AMOUNTS, ...TEXTS, ...KNOWN, ...KNOWN),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const leg = fc.record(
  { wallet: scalar, type: fc.constantFrom('DEBIT', 'CREDIT'), amount: scalar, leg: scalar },
  { requiredKeys: [] },
);
const value = fc.oneof(
  { weight: 3, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(fc.oneof(leg, scalar), { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.dictionary(fc.string({ maxLength: 5 }), scalar, { maxKeys: 3 }) },
);

/** What each call would take; one or two fields of it are then made hostile. */
const REASON = { reason: 'r' };
const PARTS = [1, 2].map((number) => ({ leg: number, amount: '0.01' }));
const RIGHT: Record<string, object> = {
  '/v1/transfers': { legs: [debit('a', '1'), credit('b', '1')], settle: 'manual', expiresIn: 60 },
  '/v1/transfers/{id}/legs': { legs: [debit('a', '1')] },
  '/v1/transfers/{id}/settle': { legs: PARTS, final: false },
  '/v1/transfers/{id}/reverse': { ...REASON, legs: PARTS },
  '/v1/transfers/{id}/extend': { expiresIn: 60 },
  '/v1/deposits': { wallet: 'a', amount: '1', txid: 't', ordinal: 1, source: 's' },
  '/v1/deposits/{id}/confirm': { amount: '0.01', final: false },
  '/v1/withdrawals': { wallet: 'a', amount: '0.01', destination: 'd', expiresIn: 60 },
  '/v1/withdrawals/{id}/finalize': { amount: '0.01', txid: 't' },
  '/v1/wallets': { id: 'x', owner: 'o', asset: 'USD', metadata: {} },
  '/v1/assets': { code: 'X', scale: 2, minDeposit: '1', confirmations: 1, final: 'safe' },
  '/v1/assets/{code}': { minDeposit: '1', withdrawalFee: '1', final: 3 },
  '/v1/limits/{id}': {
    asset: 'USD',
    owner: 'o',
    window: 'day',
    amount: '1',
    kinds: ['withdrawal'],
  },
  '/v1/api-keys': { name: 'n', scopes: ['read'] },
};
const CALLS_WITH_REASON = /\/(release|cancel|approve|reject|freeze|unfreeze)$/;

function rightBody(template: string): object {
  return RIGHT[template] ?? (CALLS_WITH_REASON.test(template) ? REASON : { wallet: 'a' });
}

/** The right body with up to two of its fields, or of any other name, made hostile. */
function hostileBody(template: string): fc.Arbitrary<object> {
  const right = rightBody(template);
  const fields = fc.constantFrom('metadata', 'reference', ...Object.keys(right));
  return fc.dictionary(fields, value, { maxKeys: 2 }).map((hostile) => ({ ...right, ...hostile }));
}

const IDS = ['transfer:admin:held', 'deposit:admin:held', 'withdrawal:admin:held', 'a', 'USD'];
const id = fc.oneof(fc.constantFrom(...IDS), fc.string({ minLength: 1, maxLength: 30 }));

test('no request makes an error of ours, or a saga that tries for ever', async () => {
  const { body: document } = await api.anonymous.get('/openapi.json');
  const calls = Object.entries(document.paths as Record<string, object>).flatMap(
    ([path, methods]) =>
      Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
  );
  const request = fc
    .tuple(fc.constantFrom(...calls), id)
    .chain(([call, name]) => fc.tuple(fc.constant(call), fc.constant(name), hostileBody(call[1])));
  await fc.assert(
    fc.asyncProperty(request, async ([[method, template], name, content]) => {
      const path = template.replace(/\{\w+\}/, encodeURIComponent(name));
      // A path of dots is another path by the time it is sent.
      fc.pre(!/\/\.{1,2}(\/|$)/.test(decodeURIComponent(path)));
      const isRead = method === 'GET' || method === 'DELETE';
      const headers = {
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
        prefer: 'wait=10',
      };
      const init = isRead ? {} : { headers, body: JSON.stringify(content) };
      const { status } = await api.admin.send(method, path, init);
      expect([path, status]).not.toEqual([path, 202]);
      expect(status).toBeLessThan(500);
    }),
    { numRuns: RUNS },
  );
}, 120_000);

test('metadata that grows where it is written out, or in a long list, is refused', async () => {
  const send = (path: string, body: string) => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() };
    return api.admin.send('POST', path, { headers, body });
  };
  const legs = JSON.stringify([debit('a', '1'), credit('b', '1')]);
  // Sent in five bytes, and 22 in every answer.
  const numbers = `{"n": [${Array(91_000).fill('1e20').join()}]}`;
  const lines = JSON.stringify([{ wallet: 'b', amount: '1' }]);
  const text = JSON.stringify({ x: 'x'.repeat(1024 * 1024) });
  const answers = [
    await send('/v1/transfers', `{"legs": ${legs}, "metadata": ${numbers}}`),
    await send('/v1/payout-runs', `{"wallet": "a", "lines": ${lines}, "metadata": ${text}}`),
  ];
  for (const { status, body } of answers) {
    expect([status, body.code, body.errors]).toEqual([
      400,
      'INVALID_REQUEST',
      [{ pointer: '/metadata', detail: 'Must be at most 1 MiB of JSON, written out.' }],
    ]);
  }
});

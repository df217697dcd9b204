/** WEBHOOKS: what is wrong with it is said at the start, and never a secret among the words. */
import { expect, it } from 'vitest';
import { readWebhooks } from '../../src/contracts/webhooks.ts';
import { SECRET } from './listener.ts';

const URL = 'https://shop.example/hear';

function read(endpoint: object, name = 'shop') {
  const faults: string[] = [];
  const webhooks = readWebhooks(JSON.stringify({ [name]: endpoint }), faults);
  return { faults, webhooks };
}

it('takes an address and a secret, and fills in the rest', () => {
  const { faults, webhooks } = read({ url: URL, secrets: [SECRET] });
  expect(faults).toEqual([]);
  expect(webhooks).toEqual({
    shop: { url: URL, secrets: [SECRET], events: ['*'], timeoutMs: 10_000, atOnce: 16 },
  });
});

it.each([
  ['an address of another kind', { url: 'ftp://shop.example', secrets: [SECRET] }, /shop\.url/],
  ['no secret', { url: URL, secrets: [] }, /shop\.secrets/],
  ['a short secret', { url: URL, secrets: ['whsec_c2hvcnQ='] }, /24 to 64 bytes/],
  ['a secret of no known form', { url: URL, secrets: ['x'.repeat(40)] }, /must be whsec_/],
  ['a pattern in the middle', { url: URL, secrets: [SECRET], events: ['gr*p'] }, /group\.\*/],
  ['a word too many', { url: URL, secrets: [SECRET], retries: 3 }, /retries/],
  ['no request at all', { url: URL, secrets: [SECRET], atOnce: 0 }, /shop\.atOnce/],
  ['half a request', { url: URL, secrets: [SECRET], atOnce: 1.5 }, /shop\.atOnce/],
  ['more connections than one may take', { url: URL, secrets: [SECRET], atOnce: 257 }, /<=256/],
  ['too long a patience', { url: URL, secrets: [SECRET], timeoutMs: 60_000 }, /timeoutMs/],
])('refuses %s', (_, endpoint, words) => {
  const { faults, webhooks } = read(endpoint);
  expect(webhooks).toEqual({});
  expect(faults.join()).toMatch(words);
  expect(faults.join()).not.toMatch(/c2hvcnQ|xxxx/);
});

it('refuses a name that metrics and commands could not show', () => {
  expect(read({ url: URL, secrets: [SECRET] }, 'Our Shop').faults).toHaveLength(1);
});

it('refuses what is no JSON', () => {
  const faults: string[] = [];
  expect(readWebhooks('{', faults)).toEqual({});
  expect(faults.join()).toMatch(/must be a JSON object/);
});

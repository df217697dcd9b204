import { expect, test } from 'vitest';
import { acceptByOf, waitMsOf } from '../../src/api/prefer.ts';

test.each([
  [undefined, 5000],
  ['wait=10', 10_000],
  ['wait=0', 0],
  ['wait=30', 30_000],
  ['wait=31', 30_000],
  ['wait=999999999', 30_000],
  ['Wait = "7"', 7000],
  ['respond-async, wait=3', 3000],
  ['wait=3; foo=bar, respond-async', 3000],
  ['respond-async', 5000],
  ['wait=-1', 5000],
  ['wait=1.5', 5000],
  ['wait=soon', 5000],
  ['await=9', 5000],
  ['', 5000],
])('Prefer: %s waits %i ms', (prefer, ms) => {
  expect(waitMsOf(prefer)).toBe(ms);
});

test('a request may take effect until its wait and 30 seconds are over', () => {
  const now = Date.parse('2026-01-01T00:00:00.999Z');
  expect(acceptByOf(10_000, now)).toBe('2026-01-01T00:00:40.999000Z');
  expect(acceptByOf(10_000, now + 0.75)).toBe('2026-01-01T00:00:40.999750Z');
});

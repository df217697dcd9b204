import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { lookUntil, pauseFor } from '../../src/temporal/patience.ts';

const NEVER = new AbortController().signal;
const LONG_MS = 10_000;

/** How long it takes, in milliseconds. */
async function timeOf(wait: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await wait();
  return performance.now() - begun;
}

it('a pause is no longer than the caller waits, and ends when nobody does', async () => {
  expect(await timeOf(() => pauseFor(LONG_MS, Date.now() + 30, NEVER))).toBeLessThan(5_000);
  const over = new AbortController();
  const pause = timeOf(() => pauseFor(LONG_MS, Date.now() + LONG_MS, over.signal));
  over.abort();
  expect(await pause).toBeLessThan(5_000);
  expect(await timeOf(() => pauseFor(LONG_MS, Date.now() + LONG_MS, over.signal))).toBeLessThan(
    5_000,
  );
});

it('a pause that is over leaves nothing with whoever could have ended it', async () => {
  const { signal } = new AbortController();
  await pauseFor(1, Date.now() + LONG_MS, signal);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('looks again ever more rarely, once more at the end, and not for nobody', async () => {
  let looks = 0;
  const look = async () => {
    looks += 1;
    return null;
  };
  expect(await lookUntil(look, Date.now() + 200, NEVER)).toBeNull();
  // At 0, 20, 60, 140 and 200 ms; a busy machine leaves some out.
  expect(looks).toBeGreaterThan(1);
  expect(looks).toBeLessThan(7);
  looks = 0;
  expect(await lookUntil(look, Date.now() - 1, NEVER)).toBeNull();
  expect(looks).toBe(1);
  expect(await lookUntil(look, Date.now() + LONG_MS, AbortSignal.abort())).toBeNull();
  expect(looks).toBe(1);
});

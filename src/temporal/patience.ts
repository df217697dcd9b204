/** Waiting in the gateway: until a time, and with back-off. */

/** First and longest pause between two looks at the ledger or two calls of Temporal. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

/**
 * Calls `look` until it answers something else than null or `until` has passed; pauses double.
 *
 * @param until milliseconds since the epoch
 * @param delayMs pause before the first look
 */
export async function lookUntil<T>(
  look: () => Promise<T | null>,
  until: number,
  signal: AbortSignal,
  delayMs = 0,
): Promise<T | null> {
  let pause = FIRST_PAUSE_MS;
  await pauseFor(delayMs, until, signal);
  while (!signal.aborted) {
    const found = await look();
    if (found !== null || Date.now() >= until) return found;
    await pauseFor(pause, until, signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
  return null;
}

/**
 * Never longer than until `until`; ends at once when aborted. Node's own sleep makes an error with
 * a stack for whoever aborts it, and every answered request does.
 */
export async function pauseFor(ms: number, until: number, signal: AbortSignal): Promise<void> {
  const pause = Math.min(ms, until - Date.now());
  if (pause <= 0 || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, pause);
  const end = () => resolve();
  signal.addEventListener('abort', end, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener('abort', end);
}

/** Why a wait was aborted: without a reason Node makes an error with a stack each time. */
export const ANSWERED = 'answered';

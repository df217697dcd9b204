/** Seconds that a POST waits for its first durable outcome where the caller does not say. */
const DEFAULT_WAIT_SECONDS = 5;
/** The longest wait that is granted; more is cut to it, so that no request outlives a proxy. */
const MAX_WAIT_SECONDS = 30;
/** How long after its wait a request may still take effect (API.md, Waiting). */
const ACCEPT_GRACE_SECONDS = 30;

/** One preference (RFC 7240): its name, and a value that may stand in quotes. */
const WAIT_PREFERENCE = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?=$|[,;])/i;

/**
 * How long to wait, from a `Prefer` header. A preference that cannot be understood is ignored, as
 * RFC 7240 section 2 wants it.
 *
 * @returns milliseconds, 0 to 30 000
 */
export function waitMsOf(prefer: string | undefined): number {
  const asked = prefer === undefined ? null : WAIT_PREFERENCE.exec(prefer);
  const seconds = asked?.[1] === undefined ? DEFAULT_WAIT_SECONDS : Number(asked[1]);
  return Math.min(seconds, MAX_WAIT_SECONDS) * 1000;
}

/**
 * The time after which a step that waits `waitMs` is refused with NOT_ACCEPTED_IN_TIME. It keeps
 * the microseconds of `nowMs`, which tell requests from each other that are made at once.
 */
export function acceptByOf(waitMs: number, nowMs: number): string {
  const whole = Math.floor(nowMs);
  const micros = String(Math.floor((nowMs - whole) * 1000)).padStart(3, '0');
  const by = new Date(whole + waitMs + ACCEPT_GRACE_SECONDS * 1000);
  return by.toISOString().replace('Z', `${micros}Z`);
}

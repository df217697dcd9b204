/** What the database's errors mean to us: one table, and the one place that tries again. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Ours: a broken invariant. The transaction is rolled back, and it is a bug or an attack. */
const INVARIANT_CLASS = 'HF';

/** A race for a key was lost, and the next look finds who won. */
const UNIQUE_VIOLATION = '23505';

/** Errors after which the same call may succeed: nothing was written, or its op row tells. */
const PASSING = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  UNIQUE_VIOLATION,
  '55P03', // lock_not_available
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '25P04', // transaction_timeout, which the session does not outlive
  '53300', // too_many_connections
]);

/** The statement ran into its time-out: the same call now would only wait as long again. */
const QUERY_CANCELED = '57014';

/**
 * What the driver says of a server that says nothing, that lets nobody in, and of a pool of which
 * no connection becomes free, each in the time that the pool gives it: likewise.
 */
const SILENCES = [
  'Query read timeout',
  'Connection terminated due to connection timeout',
  'timeout exceeded when trying to connect',
];

/**
 * It has no room on its disk or in memory, or the disk failed: classes 53 and 58. The other is
 * read_only_sql_transaction, of a server that only reads, as one does after a failover.
 */
const UNABLE = /^(5[38]...|25006)$/;

/** Errors of the socket and of a server that went away. */
const CONNECTION_CODES = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND']);
/** What Node calls a certificate that it does not trust, or no longer. */
const CERTIFICATE = /(^|_)CERT(_|$)|^UNABLE_TO_VERIFY_/;
/** How the driver's own begin: ours that quote one tell more, and are no fault of a connection. */
const CONNECTION_MESSAGES = [
  'Connection terminated',
  'Client has encountered a connection error',
  'timeout exceeded when trying to connect',
  'timeout expired',
];

/** The first try and two more; the caller above (an activity, an HTTP client) has patience too. */
const MOST_TRIES = 3;
const PAUSE_MS = 20;

/** True where a promise of the books was broken: see the migrations for what each code says. */
export function isInvariantBroken(error: unknown): boolean {
  return codeOf(error).startsWith(INVARIANT_CLASS);
}

/** It answers, and not yet what is asked for: what others have begun has to end before. */
export class DatabaseBusy extends Error {
  override readonly name = 'DatabaseBusy';
}

/** True where Postgres answers and cannot do it, until somebody gives it what it lacks. */
export function isDatabaseUnable(error: unknown): boolean {
  return UNABLE.test(codeOf(error)) && !isPassing(error);
}

/** True where the server was not let do it: its certificate is unknown, another's, or too old. */
export function isUntrusted(error: unknown): boolean {
  return CERTIFICATE.test(codeOf(error));
}

/** True where Postgres did not do it: away, on its way up or down, too busy or unable for now. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof DatabaseBusy || isDatabaseUnable(error)) return true;
  const code = codeOf(error);
  // A race for a key that is lost again and again is none: then it is a bug of ours.
  if (isSilence(error) || isUntrusted(error)) return true;
  return code === QUERY_CANCELED || (isPassing(error) && code !== UNIQUE_VIOLATION);
}

/** True where the server went away, or nobody is there. */
export function isConnectionLost(error: unknown): boolean {
  const code = codeOf(error);
  if (code.startsWith('08') || CONNECTION_CODES.has(code)) return true;
  const message = error instanceof Error ? error.message : '';
  return CONNECTION_MESSAGES.some((text) => message.startsWith(text));
}

function isSilence(error: unknown): boolean {
  return error instanceof Error && SILENCES.includes(error.message);
}

function isPassing(error: unknown): boolean {
  return !isSilence(error) && (PASSING.has(codeOf(error)) || isConnectionLost(error));
}

/**
 * Runs a call that may be repeated at will (a ledger function, a read) again where the fault
 * passes. A connection that was lost after COMMIT is such a fault: the repeated call finds the op
 * row.
 */
export async function withRetry<Result>(call: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error) || attempt === MOST_TRIES) throw error;
      await sleep(PAUSE_MS * attempt * (1 + Math.random()));
    }
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

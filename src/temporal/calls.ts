import type { ConnectionLike } from '@temporalio/client';

/** A call whose deadline passed; whether it happened is not known. */
export class CallTimedOut extends Error {
  override readonly name = 'CallTimedOut';
  constructor() {
    super('it did not answer in time');
  }
}

/** Room for the server's own word about the deadline, in milliseconds. */
const GRACE_MS = 50;

/**
 * Runs calls to Temporal that end at `deadline`, one way or the other: the SDK goes on trying for
 * ten seconds where nothing listens, whatever deadline a call has.
 *
 * @param deadline in milliseconds since the epoch
 * @throws CallTimedOut, or what the call throws
 */
export async function callUntil<T>(
  connection: ConnectionLike,
  deadline: number,
  call: () => Promise<T>,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new CallTimedOut()), deadline + GRACE_MS - Date.now());
  try {
    return await Promise.race([connection.withDeadline(deadline, call), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What one read of Temporal may take, in milliseconds. */
const READ_TIMEOUT_MS = 5_000;

/** `callUntil` for reads. */
export function readWithin<T>(connection: ConnectionLike, call: () => Promise<T>): Promise<T> {
  return callUntil(connection, Date.now() + READ_TIMEOUT_MS, call);
}

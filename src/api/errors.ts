import { HTTPException } from 'hono/http-exception';
import { ChainUnavailable } from '../contracts/chain.ts';
import { isDatabaseAway, isDatabaseUnable } from '../db/sqlstate.ts';
import { InvalidCursor } from '../ledger/page.ts';
import type { Log } from '../observability/log.ts';
import type { ApiContext } from './context.ts';
import { Problem, sendProblem } from './problem.ts';

/**
 * SQLSTATE class 22 is a value that Postgres cannot read, such as the 99th of a month. All of a
 * request is checked before but for what stands inside a cursor, which only its list can read.
 */
function isForgedCursor(error: unknown, c: ApiContext): boolean {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^22...$/.test(code) && c.req.query('cursor') !== undefined;
}

/** Calls that take no key: some clients send one with each call, and a second wallet is another. */
const TAKES_NO_KEY = /^\/v1\/(api-keys|assets|chains|deposit-addresses|destinations|wallets)(\/|$)/;

/** What to do where nobody knows whether the database did what it was asked for. */
function nextStep({ req }: ApiContext): string {
  if (req.method === 'POST' && req.header('Idempotency-Key') && !TAKES_NO_KEY.test(req.path)) {
    return 'Ask again with the same key; nothing will happen twice.';
  }
  return req.method === 'POST' ? 'Look whether it was done before you ask again.' : 'Ask again.';
}

/** What the libraries throw, in the contract's words; null: nobody expected it. */
function expected(error: unknown, c: ApiContext): Problem | null {
  if (error instanceof Problem) return error;
  if (error instanceof InvalidCursor || isForgedCursor(error, c)) {
    const { message: detail } = new InvalidCursor();
    return new Problem('INVALID_REQUEST', detail, { errors: [{ pointer: '/cursor', detail }] });
  }
  if (error instanceof ChainUnavailable) return new Problem('CHAIN_UNAVAILABLE', error.message);
  if (isDatabaseAway(error)) {
    const what = isDatabaseUnable(error) ? 'cannot do this now' : 'does not answer';
    return new Problem('UNAVAILABLE', `The database ${what}. ${nextStep(c)}`);
  }
  if (error instanceof HTTPException) {
    if (error.status === 415) return new Problem('UNSUPPORTED_MEDIA_TYPE', 'Send JSON.');
    if (error.status === 400) return new Problem('INVALID_REQUEST', 'The body is not valid JSON.');
  }
  return null;
}

/** Sends every error as a problem. What nobody expected is logged and told without its words. */
export function onError(log: Log) {
  return (error: Error, c: ApiContext): Response => {
    const problem = expected(error, c);
    const requestId = c.get('requestId');
    // A caller can only wait; a full disk, say, is for the operator to see.
    if (isDatabaseAway(error)) log.warn({ err: error, requestId }, 'the database did not do it');
    if (problem !== null) return sendProblem(c, problem);
    log.error({ err: error, requestId, path: c.req.path }, 'a request failed');
    return sendProblem(
      c,
      new Problem(
        'INTERNAL_ERROR',
        `Something failed that should not. ${nextStep(c)} ` +
          `The operator finds more under the request id ${requestId}.`,
      ),
    );
  };
}

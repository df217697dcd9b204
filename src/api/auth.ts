import { createMiddleware } from 'hono/factory';
import type { ApiEnv, Scope } from './context.ts';
import type { Keyring } from './keyring.ts';
import { Problem } from './problem.ts';

/** Wider than RFC 6750's grammar, since an operator may choose any bootstrap key. */
const BEARER = /^Bearer +([\x21-\x7e]+)$/i;

const REALM = 'Bearer realm="holdfast"';

/** Finds out who asks. 401 with `WWW-Authenticate` (RFC 6750) without a valid key. */
export function authenticate(keys: Keyring) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const header = c.req.header('authorization');
    if (header === undefined) {
      throw new Problem('UNAUTHENTICATED', 'Send an API key: Authorization: Bearer <api key>.', {
        headers: { 'WWW-Authenticate': REALM },
      });
    }
    const key = BEARER.exec(header)?.[1];
    const caller = key === undefined ? null : await keys.find(key);
    if (caller === null) {
      throw new Problem('UNAUTHENTICATED', 'This API key is not known, or it was revoked.', {
        headers: { 'WWW-Authenticate': `${REALM}, error="invalid_token"` },
      });
    }
    c.set('caller', caller);
    await next();
  });
}

/** Lets callers pass whose key has one of the scopes; `admin` has them all. */
export function allow(...scopes: Scope[]) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const held = c.get('caller').scopes;
    if (!held.has('admin') && !scopes.some((scope) => held.has(scope))) {
      const challenge = `${REALM}, error="insufficient_scope", scope="${scopes.join(' ')}"`;
      throw new Problem(
        'FORBIDDEN',
        `This call needs the scope ${scopes.join(' or ')}; the key has ${[...held].join(', ')}.`,
        { headers: { 'WWW-Authenticate': challenge } },
      );
    }
    await next();
  });
}

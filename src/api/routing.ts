import type { z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { allow } from './auth.ts';
import type { ApiEnv, Scope } from './context.ts';
import { jsonBody } from './jsonBody.ts';

interface Guards {
  security: { apiKey: string[] }[];
  middleware: MiddlewareHandler<ApiEnv>[];
}

/** That one of the scopes is enough: requirements of OpenAPI stand for one another. */
function anyOf(scopes: Scope[]): Guards['security'] {
  return scopes.map((scope) => ({ apiKey: [scope] }));
}

/** Guards and security of a call without a body. One of the scopes is enough. */
export function reads(...scopes: Scope[]): Guards {
  return { security: anyOf(scopes), middleware: [allow(...scopes)] };
}

/** Guards and security of a call with a JSON body: the key is judged before the body is read. */
export function writes(...scopes: Scope[]): Guards {
  return { security: anyOf(scopes), middleware: [allow(...scopes), jsonBody] };
}

/**
 * A JSON request body; `optional` where the schema has no required field. The library hands on an
 * absent body as `{}` without asking the schema, so such a schema cannot have defaults either.
 */
export function body<T extends z.ZodType>(schema: T, presence: 'required' | 'optional') {
  if (presence === 'optional' && Object.keys(schema.parse({}) as object).length > 0) {
    throw new Error('A body that may be absent gets its defaults from the handler.');
  }
  return { required: presence === 'required', content: { 'application/json': { schema } } };
}

/** A JSON response. */
export function json<T extends z.ZodType>(schema: T, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

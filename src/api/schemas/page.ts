import { z } from '@hono/zod-openapi';
import { canonicalTime } from '../time.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const LIMIT_FAULT = `Must be a whole number from 1 to ${MAX_LIMIT}.`;

/** Query of every list. */
export const pageQuery = {
  limit: z
    .string()
    .optional()
    .refine((text) => text === undefined || /^\d{1,3}$/.test(text), { message: LIMIT_FAULT })
    .transform((text) => (text === undefined ? DEFAULT_LIMIT : Number(text)))
    .refine((limit) => limit >= 1 && limit <= MAX_LIMIT, { message: LIMIT_FAULT })
    .openapi({
      type: 'integer',
      minimum: 1,
      maximum: MAX_LIMIT,
      default: DEFAULT_LIMIT,
      param: { name: 'limit', in: 'query', required: false },
    }),
  cursor: z
    .string()
    .optional()
    .openapi({ description: '`nextCursor` of the page before; opaque.' }),
};

/** A page: `nextCursor` is null on the last one, and on no other, however few items it has. */
export function pageOf<T extends z.ZodType>(name: string, item: T) {
  return z.object({ data: z.array(item), nextCursor: z.string().nullable() }).openapi(name);
}

/** A time in a query: RFC 3339 in any precision and offset, passed on in UTC. */
export const timeQuery = z
  .string()
  .optional()
  .transform((text, ctx) => {
    if (text === undefined) return undefined;
    const time = canonicalTime(text);
    if (time !== null) return time;
    ctx.addIssue({ code: 'custom', message: 'Must be an RFC 3339 time with an offset or Z.' });
    return z.NEVER;
  })
  .openapi({ type: 'string', format: 'date-time', example: '2026-01-02T03:04:05Z' });

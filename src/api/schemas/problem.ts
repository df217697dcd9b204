import { z } from '@hono/zod-openapi';
import { HTTP_STATUS_BY_CODE, type ProblemCode } from '../../contracts/codes.ts';

const CODES = ['INTERNAL_ERROR', ...Object.keys(HTTP_STATUS_BY_CODE)] as const;

export const problem = z
  .object({
    type: z.string().openapi({ example: 'urn:holdfast:problem:INSUFFICIENT_FUNDS' }),
    title: z.string().openapi({ example: 'Insufficient funds' }),
    status: z.int().openapi({ example: 422 }),
    detail: z.string(),
    instance: z.string().openapi({ example: '/v1/transfers' }),
    code: z.enum(CODES).openapi({ example: 'INSUFFICIENT_FUNDS' }),
    errors: z
      .array(
        z.object({
          pointer: z.string().openapi({ example: '/legs/0/amount' }),
          detail: z.string(),
        }),
      )
      .optional()
      .openapi({ description: 'Fields at fault, by JSON pointer (RFC 6901).' }),
    groupId: z.string().optional().openapi({ description: 'The group that the refusal left.' }),
    missing: z
      .array(z.object({ component: z.string(), detail: z.string() }))
      .optional()
      .openapi({ description: 'What readiness waits for.' }),
  })
  .openapi('Problem');

/** Headers that problems of a status carry. */
const HEADERS_BY_STATUS: Record<number, Record<string, object>> = {
  401: { 'WWW-Authenticate': { required: true, schema: { type: 'string' } } },
  503: { 'Retry-After': { required: true, description: 'Seconds', schema: { type: 'integer' } } },
};

/** Refusals with these are stored under the key and told again. */
const FROZEN_STATUSES: ReadonlySet<number> = new Set([404, 409, 422]);

/** Every call with a key can answer these. */
const ALWAYS: ProblemCode[] = ['UNAUTHENTICATED', 'FORBIDDEN', 'UNAVAILABLE'];

/** Every call with a body, too. */
export const BODY_CODES: ProblemCode[] = [
  'INVALID_REQUEST',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
];

/**
 * The problem responses of a route, one per status, each naming its codes. Typed as nothing: a
 * handler throws problems and never returns one.
 *
 * @param replayHeader header of answers that are stored under a key, where the route has one
 */
export function problems(
  codes: ProblemCode[],
  replayHeader: Record<string, object> = {},
): Record<never, never> {
  return describe([...codes, ...ALWAYS], replayHeader);
}

/** The same for a call that asks for no API key. */
export function publicProblems(codes: ProblemCode[]): Record<never, never> {
  return describe(codes, {});
}

function describe(
  codes: ProblemCode[],
  replayHeader: Record<string, object>,
): Record<never, never> {
  const byStatus = new Map<number, string[]>();
  for (const code of new Set(codes)) {
    const status = HTTP_STATUS_BY_CODE[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  byStatus.set(500, ['INTERNAL_ERROR']);
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      status,
      {
        description: names.map((name) => `\`${name}\``).join(', '),
        headers: FROZEN_STATUSES.has(status) ? replayHeader : HEADERS_BY_STATUS[status],
        content: { 'application/problem+json': { schema: problem } },
      },
    ]),
  );
}

import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { HTTP_STATUS_BY_CODE, type ProblemCode } from '../contracts/codes.ts';
import type { Refusal } from '../contracts/steps.ts';

/** A field at fault: an RFC 6901 pointer into the body, or `/<name>` of a query parameter. */
export interface FieldFault {
  pointer: string;
  detail: string;
}

/** What nobody expected has a word of its own, outside the contract's list: it is a bug of ours. */
export type WireCode = ProblemCode | 'INTERNAL_ERROR';

interface ProblemExtras {
  errors?: FieldFault[];
  /** The group that a refused creation left behind. */
  groupId?: string;
  /** What `GET /health/ready` waits for. */
  missing?: { component: string; detail: string }[];
  headers?: Record<string, string>;
}

/** How long a caller should wait before it asks again after a 503, in seconds. */
const RETRY_AFTER_SECONDS = 2;

/** Titles that the code's words alone would not tell. */
const TITLES: Partial<Record<WireCode, string>> = {
  INTERNAL_ERROR: 'Internal server error',
  UNAUTHENTICATED: 'Who asks is not known',
  FORBIDDEN: 'The API key may not do this',
  NOT_FOUND: 'No such resource',
  CHAIN_DECIDES: 'The chain decides',
};

/** `INSUFFICIENT_FUNDS` reads `Insufficient funds`. */
function titleOf(code: WireCode): string {
  const words = code.toLowerCase().replaceAll('_', ' ');
  return TITLES[code] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/**
 * An answer that is an error. Thrown anywhere below a route; `onError` of the app sends it as
 * `application/problem+json` (RFC 9457). `detail` names the cause and the next step.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: WireCode;
  readonly extras: ProblemExtras;

  constructor(code: WireCode, detail: string, extras: ProblemExtras = {}) {
    super(detail);
    this.code = code;
    this.extras = extras;
  }

  get status(): number {
    return this.code === 'INTERNAL_ERROR' ? 500 : HTTP_STATUS_BY_CODE[this.code];
  }
}

/**
 * The problem that a refusal of the ledger stands for.
 *
 * @param pointer the field at fault where the refusal is INVALID_REQUEST and names none
 */
export function problemOfRefusal(
  { code, detail, errors }: Refusal,
  pointer?: string,
  extras: Omit<ProblemExtras, 'errors'> = {},
): Problem {
  if (errors !== undefined) return new Problem(code, detail, { ...extras, errors });
  if (code !== 'INVALID_REQUEST' || pointer === undefined) return new Problem(code, detail, extras);
  return new Problem(code, detail, { ...extras, errors: [{ pointer, detail }] });
}

/** Sends a problem. `instance` is the path that was asked for, without its query. */
export function sendProblem(c: Context, problem: Problem): Response {
  const { errors, groupId, missing, headers } = problem.extras;
  const body = {
    type: `urn:holdfast:problem:${problem.code}`,
    title: titleOf(problem.code),
    status: problem.status,
    detail: problem.message,
    instance: new URL(c.req.url).pathname,
    code: problem.code,
    ...(errors && errors.length > 0 ? { errors } : {}),
    ...(groupId === undefined ? {} : { groupId }),
    ...(missing === undefined ? {} : { missing }),
  };
  if (problem.status === 503) c.header('Retry-After', String(RETRY_AFTER_SECONDS));
  for (const [name, value] of Object.entries(headers ?? {})) c.header(name, value);
  c.header('Content-Type', 'application/problem+json');
  return c.body(JSON.stringify(body), problem.status as ContentfulStatusCode);
}

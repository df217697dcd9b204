/** What the calls share that move or reserve money: a key, a wait, a group as the answer. */
import { z } from '@hono/zod-openapi';
import type { ProblemCode } from '../contracts/codes.ts';
import { group } from './schemas/group.ts';
import { BODY_CODES, problems } from './schemas/problem.ts';

/** One to 255 visible ASCII characters; a blank is not visible (API.md, Conventions). */
const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;

const idempotencyKey = z
  .custom<string>()
  .superRefine((value, ctx) => {
    if (value === undefined) {
      ctx.addIssue({
        code: 'custom',
        message: 'Send an Idempotency-Key header, and the same one again with every retry.',
        params: { code: 'IDEMPOTENCY_KEY_REQUIRED' },
      });
    } else if (!KEY_PATTERN.test(value)) {
      ctx.addIssue({
        code: 'custom',
        message: 'An Idempotency-Key has 1 to 255 visible ASCII characters, no blanks.',
        params: { code: 'INVALID_IDEMPOTENCY_KEY' },
      });
    }
  })
  .openapi({
    param: { name: 'Idempotency-Key', in: 'header', required: true },
    type: 'string',
    minLength: 1,
    maxLength: 255,
    pattern: '^[\\x21-\\x7e]+$',
    description:
      'Scoped to the client and the operation; never expires. The same key with the same meaning ' +
      'gets the first answer again.',
    example: 'order-4711',
  });

/** Headers of every POST that moves or reserves money. */
export const moneyHeaders = z.object({
  'Idempotency-Key': idempotencyKey,
  Prefer: z.string().optional().openapi({
    description:
      'How long to wait for the first durable outcome: 0 to 30 seconds, 5 where it is not said.',
    example: 'wait=10',
  }),
});

const KEY_CODES: ProblemCode[] = [
  'IDEMPOTENCY_KEY_REQUIRED',
  'INVALID_IDEMPOTENCY_KEY',
  'IDEMPOTENCY_KEY_REUSED',
];

const replayHeader = {
  'Idempotency-Replayed': {
    description: 'Present where this is the answer that the key was given before.',
    schema: { type: 'string' as const, enum: ['true'] },
  },
};

/** A resource as the outcome of a call. */
function resourceAnswer<T extends z.ZodType>(description: string, schema: T) {
  return {
    description,
    headers: replayHeader,
    content: { 'application/json': { schema } },
  };
}

/** The resource as it stands where its outcome is to come. */
function acceptedResource<T extends z.ZodType>(schema: T) {
  return {
    description: 'Accepted, no outcome yet. Read `Location`, or ask again with the same key.',
    headers: { Location: { required: true, schema: { type: 'string' as const } } },
    content: { 'application/json': { schema } },
  };
}

const acceptedAnswer = acceptedResource(group);

/** Responses of a call whose outcome is always to come: 202 and the problems. */
export function acceptedAnswers(codes: ProblemCode[]) {
  return {
    202: {
      ...acceptedAnswer,
      description: 'Accepted: what comes of it shows in the withdrawal. Read `Location`.',
      headers: { ...acceptedAnswer.headers, ...replayHeader },
    },
    ...problems([...BODY_CODES, ...KEY_CODES, ...codes], replayHeader),
  };
}

type Answers<S extends number, T extends z.ZodType> = Record<
  S,
  ReturnType<typeof resourceAnswer<T>>
> &
  Record<202, ReturnType<typeof acceptedResource<T>>>;

/** Responses of a call that moves or reserves money: `status`, 202, and the problems. */
export function moneyAnswers<S extends 200 | 201>(
  status: S,
  description: string,
  codes: ProblemCode[],
): Answers<S, typeof group> {
  return answersWith(group, status, description, codes);
}

/** The same for a call that is answered with another resource than a group. */
export function answersWith<S extends 200 | 201, T extends z.ZodType>(
  schema: T,
  status: S,
  description: string,
  codes: ProblemCode[],
): Answers<S, T> {
  return {
    [status]: resourceAnswer(description, schema),
    202: acceptedResource(schema),
    ...problems([...BODY_CODES, ...KEY_CODES, ...codes], replayHeader),
  } as Answers<S, T>;
}

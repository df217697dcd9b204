import { z } from '@hono/zod-openapi';
import { lengthOf, MAX_REASON_LENGTH, textFault } from '../../contracts/texts.ts';

/** A text that Postgres can hold. Bodies are checked as a whole; this is for paths and queries. */
const storable = z.string().superRefine((text, ctx) => {
  const message = textFault(text);
  if (message !== null) ctx.addIssue({ code: 'custom', message });
});

/** A text of `min` to `max` characters. */
export function textOf(min: number, max: number) {
  const bound = min === 0 ? `at most ${max}` : `${min} to ${max}`;
  return storable
    .refine((text) => lengthOf(text) >= min && lengthOf(text) <= max, {
      message: `Must have ${bound} characters.`,
      abort: true,
    })
    .openapi({ minLength: min, maxLength: max });
}

/** Why an operator or a service acts; kept in the timeline for ever. */
export const reason = textOf(1, MAX_REASON_LENGTH)
  .refine((text) => text.trim() !== '', { message: 'Must not be blank.' })
  .openapi({ example: 'Customer asked to stop the order' });

/** RFC 3339 UTC with six fractional digits. */
export const timestamp = z.string().openapi({
  format: 'date-time',
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{6}Z$',
  example: '2026-01-02T03:04:05.678901Z',
});

/** Temporal takes 2 MB of a saga's group, its legs included. A number may be sent as `1e20`. */
const MAX_METADATA_BYTES = 1024 * 1024;

/** The caller's own data, stored and returned as it came. */
export const metadata = z
  .record(z.string(), z.unknown())
  .refine((data) => Buffer.byteLength(JSON.stringify(data)) <= MAX_METADATA_BYTES, {
    message: 'Must be at most 1 MiB of JSON, written out.',
  })
  .openapi({ additionalProperties: true, example: { order: '4711' } });

/** An asset's code (API.md, Assets). */
export const assetCode = z
  .string()
  .regex(/^[A-Z0-9._@-]{1,32}$/, 'An asset code has 1 to 32 of A-Z 0-9 . _ @ -')
  .openapi({ example: 'ETH' });

/** A wallet's id (API.md, Wallets). */
export const walletId = z
  .string()
  .regex(/^[A-Za-z0-9_.:@-]{1,64}$/, 'A wallet id has 1 to 64 of A-Z a-z 0-9 _ . : @ -')
  .openapi({ example: 'alice:ETH' });

/** An id in a path: opaque, percent-encoded by the caller, decoded here. */
export function idParam(name: string, example: string) {
  return storable.openapi({ param: { name, in: 'path' }, example });
}

import { z } from '@hono/zod-openapi';
import { limitId } from './limit.ts';
import { pageOf, pageQuery } from './page.ts';
import { assetCode, textOf, timestamp } from './text.ts';
import { owner } from './wallet.ts';
import { destination as address } from './withdrawal.ts';

/** A year: nobody waits longer to be sure. */
const MAX_DELAY_SECONDS = 366 * 86_400;

const chain = z
  .string()
  .regex(/^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$/, 'A chain is written as CAIP-2 has it.')
  .openapi({ example: 'eip155:31337' });

/** What tells one entry from another. */
const identity = {
  owner,
  chain: chain.nullish().openapi({ description: 'Left out: of assets without a chain.' }),
  address,
  memo: textOf(1, 255).nullish(),
};

export const createDestinationBody = z
  .strictObject({ ...identity, label: textOf(1, 255).nullish() })
  .openapi('CreateDestination');

export const namedDestinationBody = z.strictObject(identity).openapi('NamedDestination');

export const destination = z
  .object({
    id: z.string(),
    owner: z.string(),
    chain: z.string().nullable(),
    address: z.string(),
    memo: z.string().nullable(),
    label: z.string().nullable(),
    status: z.enum(['PENDING', 'ACTIVE', 'DELETED']),
    activeAt: timestamp.openapi({ description: 'By the longest delay that may apply to it.' }),
    createdAt: timestamp,
    createdBy: z.string(),
    deletedAt: timestamp.nullable(),
    deletedBy: z.string().nullable(),
  })
  .openapi('Destination');

export const destinationPage = pageOf('DestinationPage', destination);

export const destinationQuery = z.strictObject({
  owner: owner.optional(),
  chain: chain.optional(),
  deleted: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .openapi({ description: 'Also those that were taken away.' }),
  ...pageQuery,
});

export const destinationRuleId = limitId.openapi({ example: 'usdc-listed-only' });

export const putDestinationRuleBody = z
  .strictObject({
    asset: assetCode.nullish().openapi({ description: 'Left out: every asset.' }),
    owner: owner.nullish().openapi({ description: 'Left out: everybody.' }),
    activeAfterSeconds: z.int().min(0).max(MAX_DELAY_SECONDS).default(0).openapi({
      description: 'How old an entry has to be before it can be used.',
    }),
  })
  .openapi('PutDestinationRule');

export const destinationRule = z
  .object({
    id: z.string(),
    asset: z.string().nullable(),
    owner: z.string().nullable(),
    activeAfterSeconds: z.int(),
  })
  .openapi('DestinationRule');

export const destinationRulePage = pageOf('DestinationRulePage', destinationRule);

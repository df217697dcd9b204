import { z } from '@hono/zod-openapi';
import { amountOutput } from './amount.ts';
import { pageOf, pageQuery } from './page.ts';
import { assetCode, reason, timestamp, walletId } from './text.ts';

const unattributed = z
  .object({
    id: z.string().openapi({ description: "The deposit's group" }),
    status: z.enum(['IN_PROGRESS', 'SETTLED', 'RELEASED', 'CANCELLED']),
    asset: z.string(),
    amount: amountOutput,
    chain: z.string().openapi({ example: 'eip155:31337' }),
    txid: z.string(),
    from: z.string(),
    address: z.string(),
    owner: z.string().nullable().openapi({ description: 'Whom the address was handed out for' }),
    why: z.enum(['NO_WALLET', 'BELOW_MINIMUM']),
    createdAt: timestamp,
    assigned: z
      .object({
        wallet: z.string(),
        groupId: z.string(),
        by: z.string(),
        reason: z.string(),
        at: timestamp,
      })
      .nullable(),
  })
  .openapi('UnattributedDeposit');

export const unattributedPage = pageOf('UnattributedPage', unattributed);

export const unattributedQuery = z.strictObject({
  ...pageQuery,
  asset: assetCode.optional(),
  assigned: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .openapi({
      type: 'boolean',
      default: false,
      description: 'Those that were assigned, instead of those that wait.',
    }),
});

export const assignBody = z.strictObject({ wallet: walletId, reason }).openapi('Assign');

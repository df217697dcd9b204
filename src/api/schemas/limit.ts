import { z } from '@hono/zod-openapi';
import { amountInput, amountOutput } from './amount.ts';
import { GROUP_KINDS } from './group.ts';
import { pageOf } from './page.ts';
import { assetCode, walletId } from './text.ts';
import { owner } from './wallet.ts';

export const limitId = z
  .string()
  .regex(/^[A-Za-z0-9_.:@-]{1,64}$/, 'A limit id has 1 to 64 of A-Z a-z 0-9 _ . : @ -')
  .openapi({ param: { name: 'id', in: 'path' }, example: 'alice-daily' });

export const putLimitBody = z
  .strictObject({
    asset: assetCode,
    owner: owner.nullish(),
    wallet: walletId.nullish(),
    window: z.literal('day').openapi({ description: 'A day starts at 00:00 UTC.' }),
    amount: amountInput,
    kinds: z.array(z.literal('withdrawal')).min(1),
  })
  .refine(({ owner, wallet }) => (owner == null) !== (wallet == null), {
    path: ['owner'],
    message: 'Give owner or wallet, one of them.',
  })
  .openapi('PutLimit');

export const limit = z
  .object({
    id: z.string(),
    asset: z.string(),
    owner: z.string().nullable(),
    wallet: z.string().nullable(),
    window: z.literal('day'),
    amount: amountOutput,
    kinds: z.array(z.enum(GROUP_KINDS)),
  })
  .openapi('Limit');

export const limitPage = pageOf('LimitPage', limit);

import { z } from '@hono/zod-openapi';
import { amountOutput, optionalAmount } from './amount.ts';
import { limitId } from './limit.ts';
import { pageOf } from './page.ts';
import { assetCode } from './text.ts';
import { owner } from './wallet.ts';

/** What an integer of Postgres holds. */
const MOST_WITHDRAWALS = 2_147_483_647;

export const openLimitId = limitId.openapi({ example: 'usdc-on-its-way' });

export const putOpenLimitBody = z
  .strictObject({
    asset: assetCode,
    owner: owner.nullish().openapi({ description: 'Left out: everybody.' }),
    eachOwner: z.boolean().default(false).openapi({
      description: 'True: each owner’s withdrawals are counted for themselves.',
    }),
    withdrawals: z
      .int()
      .min(0)
      .max(MOST_WITHDRAWALS)
      .nullish()
      .openapi({ description: 'Most open withdrawals.' }),
    amount: optionalAmount.openapi({ description: 'Most that they hold together.' }),
  })
  .refine(({ withdrawals, amount }) => withdrawals != null || amount != null, {
    path: ['amount'],
    message: 'Give withdrawals, amount or both.',
  })
  .refine(({ owner: one, eachOwner }) => one == null || !eachOwner, {
    path: ['eachOwner'],
    message: 'Give owner or eachOwner, not both.',
  })
  .openapi('PutOpenLimit');

export const openLimit = z
  .object({
    id: z.string(),
    asset: z.string(),
    owner: z.string().nullable(),
    eachOwner: z.boolean(),
    withdrawals: z.int().nullable(),
    amount: amountOutput.nullable(),
  })
  .openapi('OpenLimit');

export const openLimitPage = pageOf('OpenLimitPage', openLimit);

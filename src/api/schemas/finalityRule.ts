import { z } from '@hono/zod-openapi';
import { amountOutput, optionalAmount } from './amount.ts';
import { depth } from './asset.ts';
import { pageOf } from './page.ts';
import { assetCode, textOf } from './text.ts';

/** Where none is told: rules that shall come before or after it have room on both sides. */
const DEFAULT_PRIORITY = 100;
const HIGHEST_PRIORITY = 1_000_000;

export const finalityRuleId = z
  .string()
  .regex(/^[A-Za-z0-9_.:@-]{1,64}$/, 'A rule id has 1 to 64 of A-Z a-z 0-9 _ . : @ -')
  .openapi({ param: { name: 'id', in: 'path' }, example: 'large-eth' });

export const putFinalityRuleBody = z
  .strictObject({
    asset: assetCode,
    priority: z.int().min(0).max(HIGHEST_PRIORITY).default(DEFAULT_PRIORITY).openapi({
      description: 'Rules are looked at from the lowest number up; the first that fits applies.',
    }),
    minAmount: optionalAmount.openapi({
      description:
        'Least sum of what came within an hour from one source, or to one owner; null: any.',
    }),
    source: textOf(1, 128).nullish().openapi({ description: 'Sending address; null: any.' }),
    credit: depth.openapi({ description: 'When a deposit becomes available.' }),
    final: depth.nullish().openapi({
      description: "When a deposit counts as final; null: the asset's own value.",
    }),
  })
  .openapi('PutFinalityRule');

export const finalityRule = z
  .object({
    id: z.string(),
    asset: z.string(),
    priority: z.int(),
    minAmount: amountOutput.nullable(),
    source: z.string().nullable(),
    credit: depth,
    final: depth.nullable(),
  })
  .openapi('FinalityRule');

export const finalityRulePage = pageOf('FinalityRulePage', finalityRule);

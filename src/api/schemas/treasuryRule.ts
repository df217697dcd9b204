import { z } from '@hono/zod-openapi';
import { amountInput, amountOutput, optionalAmount } from './amount.ts';
import { pageOf } from './page.ts';
import { destination } from './withdrawal.ts';

export const putTreasuryRuleBody = z
  .strictObject({
    minAmount: amountInput.openapi({
      description: 'Less than that stays on its deposit address.',
    }),
    maxFee: amountInput.openapi({
      description: 'Most that one attempt may cost, in the native coin of the chain.',
    }),
    lowWater: optionalAmount.openapi({
      description:
        'Collect only while the hot wallet has less than that, or while withdrawals wait for it. ' +
        'Left out: always.',
    }),
    highWater: optionalAmount.openapi({
      description: 'More than that on the hot wallet is told as an alert.',
    }),
    coldAddress: destination.nullish().openapi({
      type: ['string', 'null'],
      description:
        'Where what is above highWater goes by itself, down to the middle between the marks. ' +
        'Each such sweep is a withdrawal of the wallet cold:<asset>. Left out: it stays.',
    }),
  })
  .openapi('PutTreasuryRule');

export const treasuryRule = z
  .object({
    asset: z.string(),
    minAmount: amountOutput,
    maxFee: amountOutput,
    lowWater: amountOutput.nullable(),
    highWater: amountOutput.nullable(),
    coldAddress: z.string().nullable(),
  })
  .openapi('TreasuryRule');

export const treasuryRulePage = pageOf('TreasuryRulePage', treasuryRule);

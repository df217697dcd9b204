import { z } from '@hono/zod-openapi';
import { amountInput, optionalAmount } from './amount.ts';
import { expiresIn } from './group.ts';
import { metadata, reason, textOf, walletId } from './text.ts';

/** Longer than any chain's address with its memo. */
const MAX_DESTINATION_LENGTH = 255;

export const destination = z
  .string()
  .superRefine((text, ctx) => {
    if (text.length >= 1 && text.length <= MAX_DESTINATION_LENGTH) return;
    ctx.addIssue({
      code: 'custom',
      message: `A destination has 1 to ${MAX_DESTINATION_LENGTH} characters.`,
      params: { code: 'INVALID_DESTINATION' },
    });
  })
  .openapi({
    minLength: 1,
    maxLength: MAX_DESTINATION_LENGTH,
    example: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
  });

export const createWithdrawalBody = z
  .strictObject({
    wallet: walletId,
    amount: amountInput.openapi({ description: 'What arrives.' }),
    destination,
    riskMeta: metadata.nullish(),
    feeMode: z.enum(['platform', 'customer']).default('platform'),
    maxFee: optionalAmount,
    expiresIn: expiresIn.nullish(),
    metadata: metadata.default({}),
  })
  .openapi('CreateWithdrawal');

export const finalizeWithdrawalBody = z
  .strictObject({
    txid: textOf(1, 255).nullish(),
    amount: amountInput.optional(),
    final: z.boolean().optional(),
  })
  .openapi('FinalizeWithdrawal');

export const replaceAttemptBody = z
  .strictObject({
    maxFee: optionalAmount.openapi({
      description: 'Most that the new attempt may cost, in the native coin of the chain.',
    }),
  })
  .openapi('ReplaceAttempt');

export const releaseWithdrawalBody = z
  .strictObject({
    reason,
    amount: amountInput.optional(),
    final: z.boolean().optional(),
  })
  .openapi('ReleaseWithdrawal');

import { z } from '@hono/zod-openapi';
import { amountOutput, optionalAmount } from './amount.ts';
import { limitId } from './limit.ts';
import { pageOf } from './page.ts';
import { assetCode } from './text.ts';
import { owner, WALLET_KINDS } from './wallet.ts';

/** More signatures than any desk has people for. */
const MAX_APPROVALS = 10;

export const approvalRuleId = limitId.openapi({ example: 'large-usdc' });

export const putApprovalRuleBody = z
  .strictObject({
    asset: assetCode,
    owner: owner.nullish().openapi({ description: 'Left out: everybody.' }),
    walletKind: z.enum(WALLET_KINDS).nullish().openapi({ description: 'Left out: every kind.' }),
    from: optionalAmount.openapi({
      description: 'Asks of withdrawals of so much and more; left out: of all.',
    }),
    approvals: z.int().min(1).max(MAX_APPROVALS),
  })
  .openapi('PutApprovalRule');

export const approvalRule = z
  .object({
    id: z.string(),
    asset: z.string(),
    owner: z.string().nullable(),
    walletKind: z.enum(WALLET_KINDS).nullable(),
    from: amountOutput,
    approvals: z.int(),
  })
  .openapi('ApprovalRule');

export const approvalRulePage = pageOf('ApprovalRulePage', approvalRule);

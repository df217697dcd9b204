import { z } from '@hono/zod-openapi';
import { amountInput, amountOutput } from './amount.ts';
import { pageOf } from './page.ts';
import { assetCode, metadata, reason, textOf, timestamp, walletId } from './text.ts';

/** One request's legs; each is a lock and two rows, so this bounds a transaction. */
const MAX_LEGS = 1000;
/** Legs are numbered from 1 by a smallint. */
const MAX_LEG_NUMBER = 32_767;
/** API.md: a deadline is at most 90 days away. */
const MAX_EXPIRES_IN_SECONDS = 90 * 24 * 3600;

export const GROUP_STATUSES = ['IN_PROGRESS', 'SETTLED', 'RELEASED', 'CANCELLED'] as const;
export const GROUP_KINDS = [
  'transfer',
  'deposit',
  'withdrawal',
  'reversal',
  'collection',
  'batch',
] as const;
export const LEG_TYPES = ['DEBIT', 'CREDIT'] as const;

const leg = z
  .object({
    leg: z.int(),
    wallet: z.string(),
    asset: z.string(),
    type: z.enum(LEG_TYPES),
    amount: amountOutput,
    settled: amountOutput,
    remaining: amountOutput,
  })
  .openapi('Leg');

const attempt = z.object({
  txid: z.string(),
  nonce: z.int(),
  fees: z.object({
    maxFeePerGas: z.string(),
    maxPriorityFeePerGas: z.string(),
    gas: z.string(),
  }),
  kind: z.enum(['payment', 'cancel']).openapi({
    description: 'cancel: a transfer of nothing in the place of the payment, on the same nonce.',
  }),
  outcome: z
    .enum(['signed', 'broadcast', 'broadcast_unknown', 'in_block', 'reverted', 'replaced'])
    .openapi({
      description:
        'replaced: another attempt is in a block, on the same nonce, so this one can be in none.',
    }),
});

export const WITHDRAWAL_STATES = [
  'requested',
  'held',
  'awaiting_approval',
  'awaiting_funds',
  'signing',
  'signed',
  'broadcast',
  'broadcast_unknown',
  'in_block',
  'confirmed',
  'stuck',
  'replacing',
  'cancelling',
  'reverted',
  'settled',
  'released',
  'late_confirmed',
] as const;

const approval = z
  .object({
    rule: z.string().nullable().openapi({ description: 'The rule that asked; null: none did.' }),
    needed: z.int().openapi({ description: 'How many clients have to approve.' }),
    given: z.array(z.string()).openapi({ description: 'The clients that have.' }),
    risk: z.enum(['pending', 'allow', 'review', 'deny']).nullable(),
  })
  .openapi('WithdrawalApproval');

const withdrawal = z
  .object({
    state: z.enum(WITHDRAWAL_STATES),
    destination: z.string(),
    approval: approval.optional().openapi({ description: 'Left out where nothing was asked.' }),
    attempts: z.array(attempt),
    confirmations: z.int(),
  })
  .openapi('WithdrawalState');

export const group = z
  .object({
    id: z.string().openapi({ example: 'transfer:shop:order-4711' }),
    kind: z.enum(GROUP_KINDS),
    status: z.enum(GROUP_STATUSES).openapi({ description: 'Names the act that closed the group.' }),
    reason: z.string().nullable(),
    legs: z.array(leg),
    expiresAt: timestamp.nullable(),
    createdAt: timestamp,
    finishedAt: timestamp.nullable(),
    reference: z.string().nullable(),
    metadata,
    reverses: z.string().nullable().openapi({ description: 'The group that this one reverses.' }),
    workflowId: z.string(),
    links: z.object({ temporalUi: z.string().nullable() }),
    withdrawal: withdrawal.optional().openapi({ description: 'On kind `withdrawal` alone.' }),
  })
  .openapi('Group');

export const groupPage = pageOf('GroupPage', group);

const legInput = z
  .strictObject({
    wallet: walletId,
    type: z.enum(LEG_TYPES),
    amount: amountInput,
    asset: assetCode.optional(),
  })
  .openapi('LegInput');

/** Parts of legs: a leg's number and how much of it. One leg's parts add up. */
const legAmounts = z
  .array(z.strictObject({ leg: z.int().min(1).max(MAX_LEG_NUMBER), amount: amountInput }))
  .min(1)
  .max(MAX_LEGS);

export const expiresIn = z.int().min(1).max(MAX_EXPIRES_IN_SECONDS).openapi({
  description: 'Seconds',
  example: 3600,
});

export const reference = textOf(1, 255).openapi({ example: 'order-4711' });

export const createTransferBody = z
  .strictObject({
    legs: z.array(legInput).max(MAX_LEGS),
    settle: z.enum(['immediate', 'manual']).default('immediate'),
    expiresIn: expiresIn.optional().openapi({
      description: 'Seconds to the deadline of a `manual` group; default 86400. Others have none.',
    }),
    reference: reference.nullish(),
    metadata: metadata.default({}),
  })
  .superRefine(({ legs, settle }, ctx) => {
    if (settle === 'immediate' && legs.length === 0) {
      ctx.addIssue({
        code: 'custom',
        path: ['legs'],
        message: 'Only a manual group may begin without legs.',
      });
    }
  })
  .openapi('CreateTransfer');

export const addLegsBody = z
  .strictObject({ legs: z.array(legInput).min(1).max(MAX_LEGS) })
  .openapi('AddLegs');

export const settleBody = z
  .strictObject({
    legs: legAmounts.optional(),
    final: z.boolean().optional().openapi({ default: true }),
  })
  .openapi('Settle');

export const reasonBody = z.strictObject({ reason }).openapi('Reason');

export const extendBody = z.strictObject({ expiresIn }).openapi('Extend');

export const reverseBody = z
  .strictObject({ amount: amountInput.optional(), legs: legAmounts.optional(), reason })
  .refine(({ amount, legs }) => amount === undefined || legs === undefined, {
    path: ['amount'],
    message: 'Give amount or legs, not both.',
  })
  .openapi('Reverse');

const timelineItem = z
  .object({
    at: timestamp,
    event: z.string(),
    actor: z.string(),
    outcome: z.enum(['done', 'refused', 'seen']),
    reason: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()).openapi({ additionalProperties: true }),
  })
  .openapi('TimelineItem');

export const timelinePage = pageOf('TimelinePage', timelineItem);

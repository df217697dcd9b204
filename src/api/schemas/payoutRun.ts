import { z } from '@hono/zod-openapi';
import {
  MAX_PAYOUT_LINES,
  PAYOUT_LINE_STATUSES,
  PAYOUT_RUN_STATUSES,
} from '../../contracts/payouts.ts';
import { amountInput, amountOutput } from './amount.ts';
import { reference } from './group.ts';
import { pageOf } from './page.ts';
import { metadata, timestamp, walletId } from './text.ts';

const line = z
  .strictObject({
    wallet: walletId,
    amount: amountInput,
    reference: reference.nullish().openapi({ description: "Left out: the run's own." }),
  })
  .openapi('PayoutLineInput');

export const openPayoutRunBody = z
  .strictObject({
    wallet: walletId.openapi({ description: 'Who pays.' }),
    lines: z.array(line).min(1).max(MAX_PAYOUT_LINES),
    reference: reference.nullish(),
    metadata: metadata.default({}),
  })
  .openapi('OpenPayoutRun');

const count = z.int().min(0).max(MAX_PAYOUT_LINES);

export const payoutRun = z
  .object({
    id: z.string().openapi({ example: 'payoutRun:shop:2026-01' }),
    status: z.enum(PAYOUT_RUN_STATUSES),
    reason: z.string().nullable().openapi({ description: 'Why it was cancelled.' }),
    wallet: z.string(),
    asset: z.string(),
    total: amountOutput,
    paid: amountOutput,
    reference: z.string().nullable(),
    metadata,
    lines: z.object({
      total: count,
      settled: count,
      refused: count,
      waiting: count,
      cancelled: count,
    }),
    createdAt: timestamp,
    finishedAt: timestamp.nullable(),
    workflowId: z.string(),
    links: z.object({ temporalUi: z.string().nullable() }),
  })
  .openapi('PayoutRun');

export const payoutRunPage = pageOf('PayoutRunPage', payoutRun);

const payoutLine = z
  .object({
    line: z.int().openapi({ description: 'From 1, in the order of the list.' }),
    wallet: z.string(),
    amount: amountOutput,
    reference: z.string().nullable(),
    status: z.enum(PAYOUT_LINE_STATUSES),
    groupId: z.string().nullable().openapi({
      description: 'The transfer that paid it or was refused; null where none was tried.',
      example: 'payout:shop:2026-01:17',
    }),
    code: z.string().nullable().openapi({ description: 'Why it was refused.' }),
    detail: z.string().nullable(),
  })
  .openapi('PayoutLine');

export const payoutLinePage = pageOf('PayoutLinePage', payoutLine);

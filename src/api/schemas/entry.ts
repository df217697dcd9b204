import { z } from '@hono/zod-openapi';
import { amountOutput } from './amount.ts';
import { LEG_TYPES } from './group.ts';
import { pageOf } from './page.ts';
import { timestamp } from './text.ts';

export const ENTRY_STATUSES = ['HOLD', 'SETTLED', 'RELEASED', 'CANCELLED'] as const;

/** Null on wallets whose balance is folded, not kept (system, external and fees wallets). */
const after = amountOutput.nullable();

const entry = z
  .object({
    id: z.string(),
    groupId: z.string(),
    leg: z.int(),
    wallet: z.string(),
    asset: z.string(),
    type: z.enum(LEG_TYPES),
    status: z.enum(ENTRY_STATUSES),
    amount: amountOutput.openapi({ description: 'Signed.' }),
    operation: z.string().openapi({ example: 'settle:shop:order-4711' }),
    walletVersion: z.int().nullable(),
    settledAfter: after,
    heldAfter: after,
    pendingInAfter: after,
    createdAt: timestamp,
  })
  .openapi('Entry');

export const entryPage = pageOf('EntryPage', entry);

import { z } from '@hono/zod-openapi';
import { amountOutput } from './amount.ts';
import { pageOf } from './page.ts';
import { timestamp } from './text.ts';

const chain = z
  .object({
    chain: z.string().openapi({ example: 'eip155:31337' }),
    height: z.int().nullable(),
    cursor: z.int().nullable(),
    lag: z.int().nullable(),
    reorgs: z.int(),
    halts: z.array(z.object({ reason: z.string(), since: timestamp, until: timestamp.nullable() })),
  })
  .openapi('Chain');

export const chainPage = pageOf('ChainPage', chain);

export const reconciliation = z
  .object({
    balanced: z.boolean(),
    assets: z.array(
      z.object({
        asset: z.string(),
        settledSum: amountOutput,
        holdSum: amountOutput,
        drift: amountOutput,
      }),
    ),
    groups: z.object({ open: z.int(), unbalanced: z.int() }),
    chain: z.array(
      z.object({
        chain: z.string(),
        asset: z.string(),
        block: z.int(),
        onChain: amountOutput,
        expected: amountOutput,
        drift: amountOutput,
      }),
    ),
  })
  .openapi('Reconciliation');

export const health = z
  .object({
    status: z.literal('ok'),
    notSeen: z
      .array(z.string())
      .optional()
      .openapi({ description: 'What a followed chain does not show although all is well' }),
  })
  .openapi('Health');

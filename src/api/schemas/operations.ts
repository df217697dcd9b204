import { z } from '@hono/zod-openapi';
import { DRIFT_CAUSES, RECONCILIATION_TERMS, SENDER_PAUSE_CAUSES } from '../../contracts/chain.ts';
import { amountOutput } from './amount.ts';
import { pageOf } from './page.ts';
import { reason, timestamp } from './text.ts';

const halt = z.object({
  reason: z.string(),
  since: timestamp,
  until: timestamp.nullable(),
  endedBy: z.string().nullable(),
  endedWhy: z.string().nullable(),
});

const senderPause = z.object({
  sender: z.string(),
  cause: z.enum(SENDER_PAUSE_CAUSES),
  reason: z.string(),
  since: timestamp,
});

export const rescan = z
  .object({
    id: z.string(),
    chain: z.string().openapi({ example: 'eip155:31337' }),
    from: z.int(),
    to: z.int(),
    next: z.int().openapi({ description: 'The next block to look at; to + 1 when all are done' }),
    liftHalts: z.boolean(),
    found: z.int().openapi({ description: 'Deposits that were not known before' }),
    requestedBy: z.string(),
    reason: z.string(),
    fault: z.string().nullable().openapi({ description: 'Why it was given up' }),
    createdAt: timestamp,
    finishedAt: timestamp.nullable(),
  })
  .openapi('Rescan');

/** Heights stay far below this; a JSON number holds it exactly. */
const height = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

export const rescanBody = z
  .strictObject({
    from: height.optional(),
    to: height.optional(),
    txid: z
      .string()
      .regex(/^0x[0-9a-fA-F]{64}$/, 'A transaction is 0x and 64 hexadecimal digits.')
      .optional(),
    reason: reason.optional(),
    liftHalts: z
      .boolean()
      .default(false)
      .openapi({
        description:
          "End the chain's halts first, with a reason, and accept the node's branch from block " +
          '`from` on, also where stored blocks were final.',
      }),
  })
  .refine(({ from, txid }) => (from === undefined) !== (txid === undefined), {
    path: ['from'],
    message: 'Name a block, or a transaction.',
  })
  .refine(({ to, txid }) => to === undefined || txid === undefined, {
    path: ['to'],
    message: 'A transaction is in one block: leave this out.',
  })
  .refine(({ liftHalts, reason: why }) => !liftHalts || why !== undefined, {
    path: ['reason'],
    message: 'Say why the chain may go on.',
  })
  .openapi('RescanRequest');

const chain = z
  .object({
    chain: z.string().openapi({ example: 'eip155:31337' }),
    height: z.int().nullable(),
    cursor: z.int().nullable(),
    lag: z.int().nullable(),
    reorgs: z.int(),
    halts: z.array(halt),
    senderPauses: z.array(senderPause).openapi({
      description: 'Senders for which nothing is signed until somebody has looked',
    }),
    rescans: z.array(rescan),
  })
  .openapi('Chain');

export const chainPage = pageOf('ChainPage', chain);

const place = z.object({
  address: z.string().nullable().openapi({
    description: 'Null: the hot wallets together, or none of our addresses',
  }),
  kind: z.enum(['deposit', 'hot']),
  drift: amountOutput,
  cause: z.enum(DRIFT_CAUSES),
});

const chainReconciliation = z.object({
  chain: z.string(),
  asset: z.string(),
  block: z.int(),
  blockHash: z.string(),
  onChain: amountOutput,
  expected: amountOutput,
  terms: z
    .object(Object.fromEntries(RECONCILIATION_TERMS.map((term) => [term, amountOutput])))
    .openapi({ description: 'Signed; `expected` is their sum' }),
  drift: amountOutput,
  missing: amountOutput,
  surplus: amountOutput,
  places: z.array(place),
  placesLeftOut: z.int(),
  shortfall: z.object({ total: amountOutput, owed: amountOutput, lost: amountOutput }),
  tolerance: z.object({ missing: amountOutput, surplus: amountOutput.nullable() }),
  pause: z.object({ by: z.string(), reason: z.string(), since: timestamp }).nullable(),
  unreadable: z.string().nullable().openapi({
    description: "Why the asset's contract tells no balances: then nothing was compared",
  }),
});

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
    chain: z.array(chainReconciliation),
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

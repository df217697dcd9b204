import { z } from '@hono/zod-openapi';
import {
  MAX_PAYOUT_LINES,
  PAYOUT_LINE_STATUSES,
  PAYOUT_RUN_STATUSES,
} from '../../contracts/payouts.ts';
import { amountInput, amountOutput, optionalAmount } from './amount.ts';
import { expiresIn, reference } from './group.ts';
import { pageOf } from './page.ts';
import { metadata, timestamp, walletId } from './text.ts';
import { destination } from './withdrawal.ts';

const feeMode = z.enum(['platform', 'customer']);

const line = z
  .strictObject({
    wallet: walletId.optional().openapi({ description: 'Who is paid; or a `destination`.' }),
    destination: destination.optional().openapi({ description: 'Outside: a withdrawal.' }),
    amount: amountInput.openapi({ description: 'What arrives.' }),
    feeMode: feeMode.optional().openapi({ description: "Left out: the run's own." }),
    maxFee: optionalAmount.openapi({ description: "Left out: the run's own." }),
    reference: reference.nullish().openapi({ description: "Left out: the run's own." }),
  })
  .superRefine((said, ctx) => {
    const refuse = (path: string[], message: string) =>
      ctx.addIssue({ code: 'custom', path, message });
    if (said.wallet === undefined && said.destination === undefined) {
      refuse([], 'A line names a wallet or a destination.');
    }
    if (said.wallet === undefined) return;
    if (said.destination !== undefined) {
      refuse(['destination'], 'A line names a wallet or a destination, not both.');
    }
    const detail = 'A transfer to a wallet costs the network nothing.';
    if (said.feeMode !== undefined) refuse(['feeMode'], detail);
    if (said.maxFee != null) refuse(['maxFee'], detail);
  })
  .openapi('PayoutLineInput');

const openPayoutRun = z.strictObject({
  wallet: walletId.openapi({ description: 'Who pays.' }),
  lines: z.array(line).min(1).max(MAX_PAYOUT_LINES),
  feeMode: feeMode.default('platform').openapi({
    description: 'Who pays the network, of lines with a destination that do not say it.',
  }),
  maxFee: optionalAmount.openapi({
    description: 'With feeMode customer: how much of the network’s fee is held for each line.',
  }),
  expiresIn: expiresIn.nullish().openapi({
    description: 'Of each withdrawal, from its hold on; see `POST /v1/withdrawals`.',
  }),
  reference: reference.nullish(),
  metadata: metadata.default({}),
});

/** Who pays the network for each line, as far as its fields and the run's agree. */
export const openPayoutRunBody = openPayoutRun
  .superRefine((run, ctx) => {
    const refuse = (path: PropertyKey[], message: string) =>
      ctx.addIssue({ code: 'custom', path, message });
    let customers = 0;
    for (const [index, said] of run.lines.entries()) {
      if (said.destination === undefined) continue;
      const isCustomers = (said.feeMode ?? run.feeMode) === 'customer';
      if (isCustomers) customers += 1;
      if (isCustomers && (said.maxFee ?? run.maxFee) == null) {
        const message = 'With feeMode customer it says how much of the network’s fee is held.';
        refuse(['lines', index, 'maxFee'], message);
      }
      if (!isCustomers && said.maxFee != null) {
        const message = 'A highest fee goes with feeMode customer; else the platform pays.';
        refuse(['lines', index, 'maxFee'], message);
      }
    }
    if (run.maxFee != null && customers === 0) {
      refuse(['maxFee'], 'A highest fee goes with feeMode customer, which no line has.');
    }
    const hasOut = run.lines.some((said) => said.destination !== undefined);
    const detail = 'No line has a destination.';
    if (run.feeMode === 'customer' && !hasOut) refuse(['feeMode'], detail);
    if (run.expiresIn != null && !hasOut) refuse(['expiresIn'], detail);
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
      held: count.openapi({ description: 'Their withdrawals are open.' }),
      released: count.openapi({ description: 'Their withdrawals gave the money back.' }),
      cancelled: count,
    }),
    withdrawals: z
      .object({
        awaitingApproval: count,
        awaitingFunds: count,
        ready: count.openapi({ description: 'To be signed, or to be paid by somebody outside.' }),
        sent: count.openapi({ description: 'Being signed, signed, or in a block.' }),
        stuck: count,
      })
      .openapi({ description: 'Where the withdrawals of the lines are that are held.' }),
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
    wallet: z.string().nullable().openapi({ description: 'Null: it goes to a destination.' }),
    destination: z.string().nullable(),
    amount: amountOutput,
    feeMode: z.enum(['platform', 'customer']).nullable(),
    maxFee: amountOutput.nullable().openapi({ type: ['string', 'null'] }),
    reference: z.string().nullable(),
    status: z.enum(PAYOUT_LINE_STATUSES),
    state: z.string().nullable().openapi({ description: "Its withdrawal's, such as `in_block`." }),
    groupId: z.string().nullable().openapi({
      description: 'The group that pays it or was refused; null where none was tried.',
      example: 'payout:shop:2026-01:17',
    }),
    code: z.string().nullable().openapi({
      description: 'Why it was refused; or why its money came back, such as `REVERTED`.',
    }),
    detail: z.string().nullable(),
  })
  .openapi('PayoutLine');

export const payoutLinePage = pageOf('PayoutLinePage', payoutLine);

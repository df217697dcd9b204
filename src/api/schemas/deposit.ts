import { z } from '@hono/zod-openapi';
import { amountInput } from './amount.ts';
import { group, groupPage } from './group.ts';
import { pageOf } from './page.ts';
import { metadata, textOf, walletId } from './text.ts';

/** The ledger counts events of a transaction in 32 bits. */
const MAX_ORDINAL = 2 ** 31 - 1;

export const createDepositBody = z
  .strictObject({
    wallet: walletId,
    amount: amountInput.optional().openapi({
      description: 'Required for a chainless asset; not used where the chain says it.',
    }),
    txid: textOf(1, 255).nullish(),
    ordinal: z.int().min(0).max(MAX_ORDINAL).nullish(),
    source: textOf(1, 255).nullish(),
    metadata: metadata.default({}),
  })
  .openapi('CreateDeposit');

/** One group, or a page of those that one transaction has. */
export const depositGroups = z.union([group, groupPage]);

/** `final` is false when an amount is given, true when not. */
export const confirmDepositBody = z
  .strictObject({ amount: amountInput.optional(), final: z.boolean().optional() })
  .openapi('ConfirmDeposit');

export const createDepositAddressBody = z
  .strictObject({ wallet: walletId, new: z.boolean().default(false) })
  .openapi('CreateDepositAddress');

export const depositAddress = z
  .object({ address: z.string(), chain: z.string(), wallet: z.string() })
  .openapi('DepositAddress');

export const depositAddressPage = pageOf('DepositAddressPage', depositAddress);

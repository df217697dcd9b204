import { z } from '@hono/zod-openapi';
import { amountFault } from '../../contracts/amounts.ts';
import { amountOutput, optionalAmount } from './amount.ts';
import { pageOf } from './page.ts';
import { assetCode, textOf, timestamp } from './text.ts';

/** Postgres's numeric takes more; 36 decimals beside 38 digits is what an amount may have. */
const MAX_SCALE = 36;
/** A deposit that waits longer than this many blocks is a typing error. */
const MAX_BLOCKS = 1_000_000;

const chain = z
  .string()
  .regex(/^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$/, 'A chain is a CAIP-2 id, such as eip155:1')
  .openapi({ example: 'eip155:31337' });

const blocks = z.int().min(1).max(MAX_BLOCKS);
/** How deep a block lies: so many blocks, its own included, or the chain's own word. */
export const depth = z.union([z.enum(['finalized', 'safe']), blocks], {
  error: 'Must be finalized, safe, or a number of blocks from 1 on.',
});

/** What an operator may change later. Null takes a value away. */
const changeable = {
  minDeposit: optionalAmount,
  minWithdrawal: optionalAmount,
  withdrawalFee: optionalAmount,
  confirmations: blocks.nullish(),
  final: depth.nullish(),
};

const AMOUNT_FIELDS = ['minDeposit', 'minWithdrawal', 'withdrawalFee'] as const;

/** Refuses amounts with more decimals than the asset has. Pointers name each. */
export function scaleFaults(
  asset: Partial<Record<(typeof AMOUNT_FIELDS)[number], string | null | undefined>>,
  scale: number,
): { pointer: string; detail: string }[] {
  return AMOUNT_FIELDS.flatMap((field) => {
    const amount = asset[field];
    const fault = typeof amount === 'string' ? amountFault(amount, scale) : null;
    return fault === null ? [] : [{ pointer: `/${field}`, detail: fault }];
  });
}

export const createAssetBody = z
  .strictObject({
    code: assetCode,
    scale: z.int().min(0).max(MAX_SCALE),
    chain: chain.nullish(),
    contract: textOf(1, 128).nullish(),
    name: textOf(1, 255).nullish(),
    ...changeable,
  })
  .superRefine((asset, ctx) => {
    for (const { pointer, detail: message } of scaleFaults(asset, asset.scale)) {
      const path = [pointer.slice(1)];
      ctx.addIssue({ code: 'custom', path, message, params: { code: 'INVALID_AMOUNT' } });
    }
    if (asset.contract != null && asset.chain == null) {
      ctx.addIssue({
        code: 'custom',
        path: ['contract'],
        message: 'A contract stands on a chain: give chain too.',
      });
    }
  })
  .openapi('CreateAsset');

export const patchAssetBody = z
  .strictObject({
    depositsPaused: z.boolean().optional(),
    withdrawalsPaused: z.boolean().optional(),
    ...changeable,
  })
  .openapi('PatchAsset');

export const asset = z
  .object({
    code: z.string(),
    scale: z.int(),
    chain: z.string().nullable(),
    contract: z.string().nullable(),
    name: z.string().nullable(),
    minDeposit: amountOutput.nullable(),
    minWithdrawal: amountOutput.nullable(),
    withdrawalFee: amountOutput.nullable(),
    confirmations: z.int().nullable(),
    final: z.union([z.enum(['finalized', 'safe']), z.int()]).nullable(),
    depositsPaused: z.boolean(),
    withdrawalsPaused: z.boolean(),
    createdAt: timestamp,
  })
  .openapi('Asset');

export const assetPage = pageOf('AssetPage', asset);

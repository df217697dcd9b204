import { z } from '@hono/zod-openapi';
import { amountOutput } from './amount.ts';
import { pageOf } from './page.ts';
import { assetCode, metadata, textOf, timestamp, walletId } from './text.ts';

export const WALLET_KINDS = [
  'user',
  'merchant',
  'escrow',
  'system',
  'external',
  'fees',
  'shortfall',
  'treasury',
  'unattributed',
] as const;

const balanceFields = {
  available: amountOutput,
  pendingIn: amountOutput,
  held: amountOutput,
  settled: amountOutput,
};

export const wallet = z
  .object({
    id: z.string(),
    owner: z.string(),
    asset: z.string(),
    kind: z.enum(WALLET_KINDS),
    status: z.enum(['OPEN', 'FROZEN', 'CLOSED']),
    balance: z.object(balanceFields).openapi('Balance'),
    version: z.int(),
    createdAt: timestamp,
    metadata,
  })
  .openapi('Wallet');

export const walletPage = pageOf('WalletPage', wallet);

export const balanceAt = z
  .object({ ...balanceFields, at: timestamp, version: z.int() })
  .openapi('BalanceAt');

export const owner = textOf(1, 255).openapi({ example: 'alice' });

export const createWalletBody = z
  .strictObject({
    id: walletId.optional(),
    owner,
    asset: assetCode,
    kind: z.enum(WALLET_KINDS).default('user').openapi({
      description: 'Kinds other than user, merchant and escrow need the scope `admin`.',
    }),
    metadata: metadata.default({}),
  })
  .openapi('CreateWallet');

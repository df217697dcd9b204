import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import {
  balanceAt as readBalanceAt,
  createWallet,
  listWallets,
  readWallet,
  setWalletStatus,
} from '../../ledger/wallets.ts';
import { listWalletEntries } from '../../ledger/entries.ts';
import { type ApiDeps, type ApiEnv, actorOf, isAdmin } from '../context.ts';
import { isOpenKind } from '../legRules.ts';
import { Problem } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import { ENTRY_STATUSES, entryPage } from '../schemas/entry.ts';
import { LEG_TYPES, reasonBody } from '../schemas/group.ts';
import { pageQuery, timeQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { assetCode, idParam } from '../schemas/text.ts';
import {
  balanceAt,
  createWalletBody,
  owner,
  WALLET_KINDS,
  wallet,
  walletPage,
} from '../schemas/wallet.ts';

const tags = ['Wallets'];
const params = z.object({ id: idParam('id', 'alice:ETH') });

const createWalletRoute = createRoute({
  method: 'post',
  path: '/v1/wallets',
  tags,
  summary: 'Open a wallet',
  description: 'Again with the same id and body: 200 with the wallet as it stands.',
  ...writes('transfer', 'operate'),
  request: { body: body(createWalletBody, 'required') },
  responses: {
    201: json(wallet, 'The new wallet'),
    200: json(wallet, 'The wallet was there'),
    ...problems(...BODY_CODES, 'ASSET_NOT_FOUND', 'WALLET_EXISTS'),
  },
});

const readWalletRoute = createRoute({
  method: 'get',
  path: '/v1/wallets/{id}',
  tags,
  summary: 'Read a wallet and its balance',
  ...reads('read'),
  request: { params },
  responses: { 200: json(wallet, 'The wallet'), ...problems('INVALID_REQUEST', 'WALLET_NOT_FOUND') },
});

const listWalletsRoute = createRoute({
  method: 'get',
  path: '/v1/wallets',
  tags,
  summary: 'List wallets, newest first',
  ...reads('read'),
  request: {
    query: z.strictObject({
      ...pageQuery,
      owner: owner.optional(),
      asset: assetCode.optional(),
      kind: z.enum(WALLET_KINDS).optional(),
    }),
  },
  responses: { 200: json(walletPage, 'A page of wallets'), ...problems('INVALID_REQUEST') },
});

const balanceRoute = createRoute({
  method: 'get',
  path: '/v1/wallets/{id}/balance',
  tags,
  summary: 'Read a balance as it stood at a time',
  description: 'A hold counts until the row that ends it. Without `at`: now.',
  ...reads('read'),
  request: { params, query: z.strictObject({ at: timeQuery }) },
  responses: {
    200: json(balanceAt, 'The balance at that time'),
    ...problems('INVALID_REQUEST', 'WALLET_NOT_FOUND'),
  },
});

const entriesRoute = createRoute({
  method: 'get',
  path: '/v1/wallets/{id}/entries',
  tags,
  summary: "List a wallet's entries, newest first",
  ...reads('read'),
  request: {
    params,
    query: z.strictObject({
      ...pageQuery,
      status: z.enum(ENTRY_STATUSES).optional(),
      type: z.enum(LEG_TYPES).optional(),
      from: timeQuery.openapi({ description: 'Created at this time or later.' }),
      to: timeQuery.openapi({ description: 'Created before this time.' }),
    }),
  },
  responses: {
    200: json(entryPage, 'A page of entries'),
    ...problems('INVALID_REQUEST', 'WALLET_NOT_FOUND'),
  },
});

function statusRoute(act: 'freeze' | 'unfreeze' | 'close', summary: string) {
  return createRoute({
    method: 'post',
    path: `/v1/wallets/{id}/${act}` as const,
    tags,
    summary,
    ...writes('operate'),
    request: { params, body: body(reasonBody, 'required') },
    responses: {
      200: json(wallet, 'The wallet'),
      ...problems(...BODY_CODES, 'WALLET_NOT_FOUND', 'WALLET_NOT_OPEN', 'WALLET_NOT_EMPTY'),
    },
  });
}

const freezeRoute = statusRoute('freeze', 'Refuse new debits; credits and open holds go on');
const unfreezeRoute = statusRoute('unfreeze', 'Take debits again');
const closeRoute = statusRoute('close', 'Refuse all movements; needs a balance of zero');

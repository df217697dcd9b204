import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { WalletStatus } from '../../contracts/resources.ts';
import { listWalletEntries } from '../../ledger/entries.ts';
import {
  createWallet,
  listWallets,
  balanceAt as readBalanceAt,
  readWallet,
  setWalletStatus,
} from '../../ledger/wallets.ts';
import { type ApiDeps, type ApiEnv, type Caller, isAdmin } from '../context.ts';
import { isOpenKind } from '../legRules.ts';
import { refuseUnnameable } from '../pathNames.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
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
    ...problems([...BODY_CODES, 'ASSET_NOT_FOUND', 'WALLET_EXISTS']),
  },
});

const readWalletRoute = createRoute({
  method: 'get',
  path: '/v1/wallets/{id}',
  tags,
  summary: 'Read a wallet and its balance',
  ...reads('read'),
  request: { params },
  responses: {
    200: json(wallet, 'The wallet'),
    ...problems(['INVALID_REQUEST', 'WALLET_NOT_FOUND']),
  },
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
  responses: { 200: json(walletPage, 'A page of wallets'), ...problems(['INVALID_REQUEST']) },
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
    ...problems(['INVALID_REQUEST', 'WALLET_NOT_FOUND']),
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
    ...problems(['INVALID_REQUEST', 'WALLET_NOT_FOUND']),
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
      ...problems([...BODY_CODES, 'WALLET_NOT_FOUND', 'WALLET_NOT_OPEN', 'WALLET_NOT_EMPTY']),
    },
  });
}

const freezeRoute = statusRoute('freeze', 'Refuse new debits; credits and open holds go on');
const unfreezeRoute = statusRoute('unfreeze', 'Take debits again');
const closeRoute = statusRoute('close', 'Refuse all movements; needs a balance of zero');

function openWallet(app: OpenAPIHono<ApiEnv>, { db, wallets }: ApiDeps): void {
  app.openapi(createWalletRoute, async (c) => {
    const asked = c.req.valid('json');
    if (!isOpenKind(asked.kind) && !isAdmin(c.get('caller'))) {
      const detail = `A wallet of kind ${asked.kind} is for the scope admin to open.`;
      throw new Problem('FORBIDDEN', detail, { errors: [{ pointer: '/kind', detail }] });
    }
    await refuseUnnameable('/id', asked.id, wallets.wallet);
    const opened = await createWallet(db, asked);
    if ('refusal' in opened) throw problemOfRefusal(opened.refusal, '/id');
    return c.json(opened.wallet, opened.created ? 201 : 200);
  });
}

function readWallets(app: OpenAPIHono<ApiEnv>, { db, wallets }: ApiDeps): void {
  app.openapi(readWalletRoute, async (c) => {
    const { id } = c.req.valid('param');
    const found = await readWallet(db, id);
    if (found === null) throw new Problem('WALLET_NOT_FOUND', `There is no wallet ${id}.`);
    return c.json(found, 200);
  });
  app.openapi(listWalletsRoute, async (c) => {
    const { limit, cursor, ...filter } = c.req.valid('query');
    return c.json(await listWallets(db, filter, { limit, cursor }), 200);
  });
  app.openapi(balanceRoute, async (c) => {
    const read = await readBalanceAt(db, c.req.valid('param').id, c.req.valid('query').at ?? null);
    if ('refusal' in read) throw problemOfRefusal(read.refusal, '/at');
    return c.json(read.balance, 200);
  });
  app.openapi(entriesRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { limit, cursor, ...filter } = c.req.valid('query');
    if ((await wallets.wallet(id)) === null) {
      throw new Problem('WALLET_NOT_FOUND', `There is no wallet ${id}.`);
    }
    return c.json(await listWalletEntries(db, id, filter, { limit, cursor }), 200);
  });
}

function changeStatus(app: OpenAPIHono<ApiEnv>, { db }: ApiDeps): void {
  const change = async (caller: Caller, id: string, status: WalletStatus, reason: string) => {
    const changed = await setWalletStatus(db, { id, status, reason, actor: caller.client });
    if ('refusal' in changed) throw problemOfRefusal(changed.refusal);
    return changed.wallet;
  };
  app.openapi(freezeRoute, async (c) => {
    const { reason } = c.req.valid('json');
    return c.json(await change(c.get('caller'), c.req.valid('param').id, 'FROZEN', reason), 200);
  });
  app.openapi(unfreezeRoute, async (c) => {
    const { reason } = c.req.valid('json');
    return c.json(await change(c.get('caller'), c.req.valid('param').id, 'OPEN', reason), 200);
  });
  app.openapi(closeRoute, async (c) => {
    const { reason } = c.req.valid('json');
    return c.json(await change(c.get('caller'), c.req.valid('param').id, 'CLOSED', reason), 200);
  });
}

/** Wallets and what they hold. A read creates nothing. */
export function walletRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  openWallet(app, deps);
  readWallets(app, deps);
  changeStatus(app, deps);
  return app;
}

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { readWallet } from '../../ledger/wallets.ts';
import { doorTo } from '../chainDoor.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { checkWallet, isOpenKind } from '../legRules.ts';
import { Problem } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import {
  createDepositAddressBody,
  depositAddress,
  depositAddressPage,
} from '../schemas/deposit.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { walletId } from '../schemas/text.ts';
import { pageOfWhole } from '../wholeList.ts';

const tags = ['Deposits'];

const createRouteOf = createRoute({
  method: 'post',
  path: '/v1/deposit-addresses',
  tags,
  summary: 'Get the address that a wallet receives at',
  description:
    'One address serves all assets of an owner on a chain family. The same one again: 200; with ' +
    '`new` a further one.',
  ...writes('transfer', 'operate'),
  request: { body: body(createDepositAddressBody, 'required') },
  responses: {
    201: json(depositAddress, 'A new address'),
    200: json(depositAddress, 'The address that the wallet has'),
    ...problems([...BODY_CODES, 'WALLET_NOT_FOUND', 'WALLET_NOT_OPEN', 'CHAIN_UNAVAILABLE']),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/deposit-addresses',
  tags,
  summary: "List a wallet's addresses, newest first",
  ...reads('read'),
  request: { query: z.strictObject({ ...pageQuery, wallet: walletId }) },
  responses: {
    200: json(depositAddressPage, 'A page of them'),
    ...problems(['INVALID_REQUEST', 'WALLET_NOT_FOUND']),
  },
});

function unknownWallet(wallet: string): Problem {
  return new Problem('WALLET_NOT_FOUND', `There is no wallet ${wallet}.`);
}

/** The request names a wallet that no address leads to. */
function unfit(detail: string): Problem {
  return new Problem('INVALID_REQUEST', detail, { errors: [{ pointer: '/wallet', detail }] });
}

/** What is sent to a closed wallet is booked to nobody, so nobody shall be told to send it. */
async function refuseClosed({ db }: ApiDeps, wallet: string): Promise<void> {
  const found = await readWallet(db, wallet);
  if (found?.status !== 'CLOSED') return;
  throw new Problem('WALLET_NOT_OPEN', `Wallet ${wallet} is CLOSED and receives nothing any more.`);
}

/** Addresses of wallets whose asset is on a followed chain. */
export function depositAddressRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { chain, wallets } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  app.openapi(createRouteOf, async (c) => {
    const { wallet, new: fresh } = c.req.valid('json');
    const facts = await checkWallet(wallets, c.get('caller'), wallet, {});
    if (facts === null) throw unknownWallet(wallet);
    if (!isOpenKind(facts.kind)) {
      throw unfit(`Coins are not sent to wallets of kind ${facts.kind}, so they have no address.`);
    }
    if (facts.chain === null) {
      throw unfit(`The asset of ${wallet} is on no chain, so it has no address.`);
    }
    const door = await doorTo(deps, facts.chain);
    await refuseClosed(deps, wallet);
    const { created, address } = await door.depositAddress({ wallet, fresh });
    return c.json(address, created ? 201 : 200);
  });
  app.openapi(listRoute, async (c) => {
    const { wallet, ...page } = c.req.valid('query');
    const facts = await wallets.wallet(wallet);
    if (facts === null) throw unknownWallet(wallet);
    // A chainless wallet has none, and that is no fault of a reader's.
    const isBound = facts.chain !== null && chain !== null;
    const addresses = isBound ? await chain.listDepositAddresses({ wallet }) : [];
    return c.json(
      pageOfWhole(addresses, ({ address }) => address, page),
      200,
    );
  });
  return app;
}

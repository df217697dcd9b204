import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { doorTo } from '../chainDoor.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { Problem } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import {
  createDepositAddressBody,
  depositAddress,
  depositAddressPage,
} from '../schemas/deposit.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { walletId } from '../schemas/text.ts';

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
    ...problems([...BODY_CODES, 'WALLET_NOT_FOUND', 'CHAIN_UNAVAILABLE']),
  },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/deposit-addresses',
  tags,
  summary: "List a wallet's addresses, newest first",
  ...reads('read'),
  request: { query: z.strictObject({ wallet: walletId }) },
  responses: {
    200: json(depositAddressPage, 'All addresses of the wallet'),
    ...problems(['INVALID_REQUEST', 'WALLET_NOT_FOUND']),
  },
});

/** Addresses of wallets whose asset is on a followed chain. */
export function depositAddressRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { chain, wallets } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  const chainOf = async (wallet: string): Promise<string | null> => {
    const facts = await wallets.wallet(wallet);
    if (facts === null) throw new Problem('WALLET_NOT_FOUND', `There is no wallet ${wallet}.`);
    return facts.chain;
  };
  app.openapi(createRouteOf, async (c) => {
    const { wallet, new: fresh } = c.req.valid('json');
    const name = await chainOf(wallet);
    if (name === null) {
      const detail = `The asset of ${wallet} is on no chain, so it has no address.`;
      throw new Problem('INVALID_REQUEST', detail, { errors: [{ pointer: '/wallet', detail }] });
    }
    const door = await doorTo(deps, name);
    const { created, address } = await door.depositAddress({ wallet, fresh });
    return c.json(address, created ? 201 : 200);
  });
  app.openapi(listRoute, async (c) => {
    const { wallet } = c.req.valid('query');
    // A chainless wallet has none, and that is no fault of a reader's.
    const isBound = (await chainOf(wallet)) !== null;
    const data = isBound && chain !== null ? await chain.listDepositAddresses({ wallet }) : [];
    return c.json({ data, nextCursor: null }, 200);
  });
  return app;
}

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { assetOnChain } from '../../ledger/destinations.ts';
import { doorTo } from '../chainDoor.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { Problem } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import { chainPage, rescan, rescanBody } from '../schemas/operations.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';
import { pageOfWhole } from '../wholeList.ts';

const chainsRoute = createRoute({
  method: 'get',
  path: '/v1/chains',
  tags: ['Operations'],
  summary: 'How far each followed chain was read, and what went wrong',
  ...reads('read'),
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(chainPage, 'A page of them, by name'), ...problems(['INVALID_REQUEST']) },
});

const rescanRoute = createRoute({
  method: 'post',
  path: '/v1/chains/{chain}/rescan',
  tags: ['Operations'],
  summary: 'Read blocks once more, and let a halted chain go on',
  description:
    'The blocks `from` to `to` (default: all that were read), or that of a transaction. What was ' +
    'not known to be ours is recorded now; asking twice changes nothing. `GET /v1/chains` shows ' +
    'how far it is.',
  ...writes('operate'),
  request: {
    params: z.object({ chain: idParam('chain', 'eip155:31337') }),
    body: body(rescanBody, 'required'),
  },
  responses: {
    202: {
      ...json(rescan, 'The watcher reads them'),
      headers: { Location: { required: true, schema: { type: 'string' as const } } },
    },
    ...problems([...BODY_CODES, 'NOT_FOUND', 'CHAIN_UNAVAILABLE']),
  },
});

/** Followed chains; none where the service runs without one. */
export function chainRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  app.openapi(chainsRoute, async (c) => {
    const chains = deps.chain === null ? [] : await deps.chain.chains();
    return c.json(
      pageOfWhole(chains, ({ chain }) => chain, c.req.valid('query')),
      200,
    );
  });
  app.openapi(rescanRoute, async (c) => {
    const { chain } = c.req.valid('param');
    const { from, to, txid, reason, liftHalts } = c.req.valid('json');
    if ((await assetOnChain(deps.db, chain)) === null) {
      throw new Problem('NOT_FOUND', `No asset of ${chain} is registered: see GET /v1/chains.`);
    }
    const door = await doorTo(deps, chain);
    const asked = await door.rescan({
      chain,
      at: txid === undefined ? { from: from ?? 0, to: to ?? null } : { txid: txid.toLowerCase() },
      requestedBy: c.get('caller').client,
      reason: reason ?? 'asked for',
      liftHalts,
    });
    if ('refused' in asked) {
      const pointer = txid === undefined ? '/from' : '/txid';
      throw new Problem('INVALID_REQUEST', asked.refused, {
        errors: [{ pointer, detail: asked.refused }],
      });
    }
    c.header('Location', '/v1/chains');
    return c.json(asked, 202);
  });
  return app;
}

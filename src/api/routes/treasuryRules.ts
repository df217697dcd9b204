import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import {
  deleteTreasuryRule,
  listTreasuryRules,
  putTreasuryRule,
  readTreasuryRule,
} from '../../ledger/treasuryRules.ts';
import { canonicalDestination } from '../canonicalDestination.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { refuseScales } from '../legRules.ts';
import { refuseNetworkFee } from '../networkFee.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { assetCode } from '../schemas/text.ts';
import { putTreasuryRuleBody, treasuryRule, treasuryRulePage } from '../schemas/treasuryRule.ts';

const tags = ['Treasury'];
const params = z.object({
  asset: assetCode.openapi({ param: { name: 'asset', in: 'path' }, example: 'ETH' }),
});

const putRoute = createRoute({
  method: 'put',
  path: '/v1/treasury-rules/{asset}',
  tags,
  summary: 'Say when deposits of an asset are collected',
  description:
    'Coins in final blocks go from deposit addresses to the hot wallet by themselves. No balance ' +
    'of a customer changes by it. Assets without a rule stay where they are. What is above ' +
    '`highWater` goes to `coldAddress`, as a withdrawal of the wallet `cold:<asset>`.',
  ...writes('admin'),
  request: { params, body: body(putTreasuryRuleBody, 'required') },
  responses: {
    200: json(treasuryRule, 'The rule'),
    ...problems([
      ...BODY_CODES,
      'INVALID_AMOUNT',
      'INVALID_DESTINATION',
      'ASSET_NOT_FOUND',
      'WRONG_KIND',
      'DESTINATION_NOT_ALLOWED',
      'CHAIN_UNAVAILABLE',
    ]),
  },
});

const readRoute = createRoute({
  method: 'get',
  path: '/v1/treasury-rules/{asset}',
  tags,
  summary: 'Read the treasury’s rule of an asset',
  ...reads('read'),
  request: { params },
  responses: { 200: json(treasuryRule, 'The rule'), ...problems(['INVALID_REQUEST', 'NOT_FOUND']) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/treasury-rules',
  tags,
  summary: 'List the treasury’s rules, by asset',
  ...reads('read'),
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(treasuryRulePage, 'A page of rules'), ...problems(['INVALID_REQUEST']) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/treasury-rules/{asset}',
  tags,
  summary: 'Collect an asset no more',
  description: 'What was opened goes on.',
  ...reads('admin'),
  request: { params },
  responses: {
    204: { description: 'It is gone' },
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

/** What goes from deposit addresses to the hot wallet, and when. */
export function treasuryRuleRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { db, wallets } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  const notFound = (asset: string) => new Problem('NOT_FOUND', `${asset} has no treasury rule.`);
  app.openapi(putRoute, async (c) => {
    const { asset } = c.req.valid('param');
    const { coldAddress: asked, ...marked } = c.req.valid('json');
    const { minAmount, maxFee, lowWater = null, highWater = null } = marked;
    const facts = await wallets.asset(asset);
    const marks = { minAmount, lowWater, highWater };
    refuseScales(
      Object.entries(marks).flatMap(([name, amount]) =>
        amount === null ? [] : [{ pointer: `/${name}`, amount, facts }],
      ),
    );
    await refuseNetworkFee(deps, facts, maxFee);
    const coldAddress =
      asked == null ? null : await canonicalDestination(deps, facts, asked, '/coldAddress');
    const rule = { asset, minAmount, maxFee, lowWater, highWater, coldAddress };
    const put = await putTreasuryRule(db, rule);
    if ('refusal' in put) throw problemOfRefusal(put.refusal, '/highWater');
    return c.json(put.rule, 200);
  });
  app.openapi(readRoute, async (c) => {
    const { asset } = c.req.valid('param');
    const found = await readTreasuryRule(db, asset);
    if (found === null) throw notFound(asset);
    return c.json(found, 200);
  });
  app.openapi(listRoute, async (c) =>
    c.json(await listTreasuryRules(db, c.req.valid('query')), 200),
  );
  app.openapi(deleteRoute, async (c) => {
    const { asset } = c.req.valid('param');
    if (!(await deleteTreasuryRule(db, asset))) throw notFound(asset);
    return c.body(null, 204);
  });
  return app;
}

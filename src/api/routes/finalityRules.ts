import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { readAddress } from '../../chains/evm/addresses.ts';
import {
  deleteFinalityRule,
  listFinalityRules,
  putFinalityRule,
  readFinalityRule,
} from '../../chains/finalityRules.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { refuseScales } from '../legRules.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import {
  finalityRule,
  finalityRuleId,
  finalityRulePage,
  putFinalityRuleBody,
} from '../schemas/finalityRule.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';

const tags = ['Finality rules'];
const params = z.object({ id: idParam('id', 'large-eth') });

const putRoute = createRoute({
  method: 'put',
  path: '/v1/finality-rules/{id}',
  tags,
  summary: 'Say when deposits of an asset are credited',
  description:
    'The first rule that fits a deposit decides when it becomes available and when it counts as ' +
    "final; where none fits, the asset's `confirmations` and `final` do. Deposits that still " +
    'wait follow a change at once.',
  ...writes('admin'),
  request: {
    params: z.object({ id: finalityRuleId }),
    body: body(putFinalityRuleBody, 'required'),
  },
  responses: {
    200: json(finalityRule, 'The rule'),
    ...problems([
      ...BODY_CODES,
      'INVALID_AMOUNT',
      'INVALID_DESTINATION',
      'ASSET_NOT_FOUND',
      'WRONG_KIND',
    ]),
  },
});

const readRoute = createRoute({
  method: 'get',
  path: '/v1/finality-rules/{id}',
  tags,
  summary: 'Read a finality rule',
  ...reads('read'),
  request: { params },
  responses: { 200: json(finalityRule, 'The rule'), ...problems(['INVALID_REQUEST', 'NOT_FOUND']) },
});

const listRoute = createRoute({
  method: 'get',
  path: '/v1/finality-rules',
  tags,
  summary: 'List finality rules, by id',
  ...reads('read'),
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(finalityRulePage, 'A page of rules'), ...problems(['INVALID_REQUEST']) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/finality-rules/{id}',
  tags,
  summary: 'Take a finality rule away',
  ...reads('admin'),
  request: { params },
  responses: {
    204: { description: 'It is gone' },
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

/** When deposits are credited, by asset, amount and source. */
export function finalityRuleRoutes({ db, wallets }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const notFound = (id: string) => new Problem('NOT_FOUND', `There is no finality rule ${id}.`);
  app.openapi(putRoute, async (c) => {
    const { minAmount = null, source = null, final = null, ...asked } = c.req.valid('json');
    if (minAmount !== null) {
      const facts = await wallets.asset(asked.asset);
      refuseScales([{ pointer: '/minAmount', amount: minAmount, facts }]);
    }
    const rule = { ...asked, id: c.req.valid('param').id, minAmount, final };
    const put = await putFinalityRule(db, { ...rule, source: source && spelled(source) });
    if ('refusal' in put) throw problemOfRefusal(put.refusal);
    return c.json(put.rule, 200);
  });
  app.openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param');
    const found = await readFinalityRule(db, id);
    if (found === null) throw notFound(id);
    return c.json(found, 200);
  });
  app.openapi(listRoute, async (c) =>
    c.json(await listFinalityRules(db, c.req.valid('query')), 200),
  );
  app.openapi(deleteRoute, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deleteFinalityRule(db, id))) throw notFound(id);
    return c.body(null, 204);
  });
  return app;
}

/** A sending address in the chain's own canonical spelling. */
function spelled(source: string): string {
  const read = readAddress(source);
  if ('address' in read) return read.address;
  const errors = [{ pointer: '/source', detail: read.fault }];
  throw new Problem('INVALID_DESTINATION', read.fault, { errors });
}

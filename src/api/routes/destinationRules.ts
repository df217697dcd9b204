import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import {
  deleteDestinationRule,
  listDestinationRules,
  putDestinationRule,
  readDestinationRule,
} from '../../ledger/destinationRules.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import {
  destinationRule,
  destinationRuleId,
  destinationRulePage,
  putDestinationRuleBody,
} from '../schemas/destination.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';

const tags = ['Destinations'];
const params = z.object({ id: idParam('id', 'usdc-listed-only') });

const putRuleRoute = createRoute({
  method: 'put',
  path: '/v1/destination-rules/{id}',
  tags,
  summary: 'Say whose withdrawals go to listed destinations alone',
  description: 'Of several rules that fit a withdrawal, the longest delay counts.',
  ...writes('admin'),
  request: {
    params: z.object({ id: destinationRuleId }),
    body: body(putDestinationRuleBody, 'required'),
  },
  responses: {
    200: json(destinationRule, 'The rule'),
    ...problems([...BODY_CODES, 'ASSET_NOT_FOUND']),
  },
});

const readRuleRoute = createRoute({
  method: 'get',
  path: '/v1/destination-rules/{id}',
  tags,
  summary: 'Read a destination rule',
  ...reads('read'),
  request: { params },
  responses: {
    200: json(destinationRule, 'The rule'),
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

const listRulesRoute = createRoute({
  method: 'get',
  path: '/v1/destination-rules',
  tags,
  summary: 'List destination rules, by id',
  ...reads('read'),
  request: { query: z.strictObject(pageQuery) },
  responses: {
    200: json(destinationRulePage, 'A page of rules'),
    ...problems(['INVALID_REQUEST']),
  },
});

const deleteRuleRoute = createRoute({
  method: 'delete',
  path: '/v1/destination-rules/{id}',
  tags,
  summary: 'Take a destination rule away',
  ...reads('admin'),
  request: { params },
  responses: {
    204: { description: 'It is gone' },
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

/** Which withdrawals go to listed destinations alone. */
export function destinationRuleRoutes({ db }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const notFound = (id: string) => new Problem('NOT_FOUND', `There is no destination rule ${id}.`);
  app.openapi(putRuleRoute, async (c) => {
    const { asset = null, owner = null, activeAfterSeconds } = c.req.valid('json');
    const { id } = c.req.valid('param');
    const put = await putDestinationRule(db, { id, asset, owner, activeAfterSeconds });
    if ('refusal' in put) throw problemOfRefusal(put.refusal);
    return c.json(put.rule, 200);
  });
  app.openapi(readRuleRoute, async (c) => {
    const { id } = c.req.valid('param');
    const found = await readDestinationRule(db, id);
    if (found === null) throw notFound(id);
    return c.json(found, 200);
  });
  app.openapi(listRulesRoute, async (c) =>
    c.json(await listDestinationRules(db, c.req.valid('query')), 200),
  );
  app.openapi(deleteRuleRoute, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deleteDestinationRule(db, id))) throw notFound(id);
    return c.body(null, 204);
  });
  return app;
}

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { deleteLimit, listLimits, putLimit, readLimit } from '../../ledger/limits.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { refuseScales } from '../legRules.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import { limit, limitId, limitPage, putLimitBody } from '../schemas/limit.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';

const tags = ['Limits'];
const params = z.object({ id: idParam('id', 'alice-daily') });

const putLimitRoute = createRoute({
  method: 'put',
  path: '/v1/limits/{id}',
  tags,
  summary: 'Set a limit',
  description: 'Open holds count, released parts give back, reversals do not.',
  ...writes('admin'),
  request: { params: z.object({ id: limitId }), body: body(putLimitBody, 'required') },
  responses: {
    200: json(limit, 'The limit'),
    ...problems([
      ...BODY_CODES,
      'INVALID_AMOUNT',
      'ASSET_NOT_FOUND',
      'WALLET_NOT_FOUND',
      'ASSET_MISMATCH',
    ]),
  },
});

const readLimitRoute = createRoute({
  method: 'get',
  path: '/v1/limits/{id}',
  tags,
  summary: 'Read a limit',
  ...reads('read'),
  request: { params },
  responses: { 200: json(limit, 'The limit'), ...problems(['INVALID_REQUEST', 'NOT_FOUND']) },
});

const listLimitsRoute = createRoute({
  method: 'get',
  path: '/v1/limits',
  tags,
  summary: 'List limits, by id',
  ...reads('read'),
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(limitPage, 'A page of limits'), ...problems(['INVALID_REQUEST']) },
});

const deleteLimitRoute = createRoute({
  method: 'delete',
  path: '/v1/limits/{id}',
  tags,
  summary: 'Take a limit away',
  ...reads('admin'),
  request: { params },
  responses: {
    204: { description: 'It is gone' },
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

/** How much an owner or a wallet may send out in a day. */
export function limitRoutes({ db, wallets }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const notFound = (id: string) => new Problem('NOT_FOUND', `There is no limit ${id}.`);
  app.openapi(putLimitRoute, async (c) => {
    const asked = c.req.valid('json');
    const facts = await wallets.asset(asked.asset);
    refuseScales([{ pointer: '/amount', amount: asked.amount, facts }]);
    const put = await putLimit(db, { ...asked, id: c.req.valid('param').id });
    if ('refusal' in put) throw problemOfRefusal(put.refusal);
    return c.json(put.limit, 200);
  });
  app.openapi(readLimitRoute, async (c) => {
    const { id } = c.req.valid('param');
    const found = await readLimit(db, id);
    if (found === null) throw notFound(id);
    return c.json(found, 200);
  });
  app.openapi(listLimitsRoute, async (c) =>
    c.json(await listLimits(db, c.req.valid('query')), 200),
  );
  app.openapi(deleteLimitRoute, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deleteLimit(db, id))) throw notFound(id);
    return c.body(null, 204);
  });
  return app;
}

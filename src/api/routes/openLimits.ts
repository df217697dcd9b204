import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import {
  deleteOpenLimit,
  listOpenLimits,
  putOpenLimit,
  readOpenLimit,
} from '../../ledger/openLimits.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { refuseScales } from '../legRules.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import { openLimit, openLimitId, openLimitPage, putOpenLimitBody } from '../schemas/openLimit.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';

const tags = ['Limits'];
const params = z.object({ id: idParam('id', 'usdc-on-its-way') });

const putLimitRoute = createRoute({
  method: 'put',
  path: '/v1/open-limits/{id}',
  tags,
  summary: 'Limit what is on its way out at the same time',
  description:
    'Open withdrawals count with what they still hold; one that ended counts no more. More is ' +
    'refused with LIMIT_EXCEEDED.',
  ...writes('admin'),
  request: {
    params: z.object({ id: openLimitId }),
    body: body(putOpenLimitBody, 'required'),
  },
  responses: {
    200: json(openLimit, 'The limit'),
    ...problems([...BODY_CODES, 'INVALID_AMOUNT', 'ASSET_NOT_FOUND']),
  },
});

const readLimitRoute = createRoute({
  method: 'get',
  path: '/v1/open-limits/{id}',
  tags,
  summary: 'Read a limit of open withdrawals',
  ...reads('read'),
  request: { params },
  responses: {
    200: json(openLimit, 'The limit'),
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

const listLimitsRoute = createRoute({
  method: 'get',
  path: '/v1/open-limits',
  tags,
  summary: 'List limits of open withdrawals, by id',
  ...reads('read'),
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(openLimitPage, 'A page of limits'), ...problems(['INVALID_REQUEST']) },
});

const deleteLimitRoute = createRoute({
  method: 'delete',
  path: '/v1/open-limits/{id}',
  tags,
  summary: 'Take a limit of open withdrawals away',
  ...reads('admin'),
  request: { params },
  responses: {
    204: { description: 'It is gone' },
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

/** How much may be on its way out at the same time. */
export function openLimitRoutes({ db, wallets }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const notFound = (id: string) =>
    new Problem('NOT_FOUND', `There is no limit of open withdrawals ${id}.`);
  app.openapi(putLimitRoute, async (c) => {
    const { asset, owner, eachOwner, withdrawals, amount } = c.req.valid('json');
    if (amount != null) {
      const facts = await wallets.asset(asset);
      refuseScales([{ pointer: '/amount', amount, facts }]);
    }
    const put = await putOpenLimit(db, {
      id: c.req.valid('param').id,
      asset,
      owner: owner ?? null,
      eachOwner,
      withdrawals: withdrawals ?? null,
      amount: amount ?? null,
    });
    if ('refusal' in put) throw problemOfRefusal(put.refusal);
    return c.json(put.limit, 200);
  });
  app.openapi(readLimitRoute, async (c) => {
    const { id } = c.req.valid('param');
    const found = await readOpenLimit(db, id);
    if (found === null) throw notFound(id);
    return c.json(found, 200);
  });
  app.openapi(listLimitsRoute, async (c) =>
    c.json(await listOpenLimits(db, c.req.valid('query')), 200),
  );
  app.openapi(deleteLimitRoute, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deleteOpenLimit(db, id))) throw notFound(id);
    return c.body(null, 204);
  });
  return app;
}

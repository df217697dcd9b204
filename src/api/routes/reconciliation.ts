import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { reconcile } from '../../ledger/reconcile.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { json, reads } from '../routing.ts';
import { reconciliation } from '../schemas/operations.ts';
import { problems } from '../schemas/problem.ts';

const reconciliationRoute = createRoute({
  method: 'get',
  path: '/v1/reconciliation',
  tags: ['Operations'],
  summary: 'Whether the books balance',
  description:
    '`balanced`: per asset `settledSum` is 0 and `drift` is 0, and no finished group is ' +
    'unbalanced. `holdSum` is not 0 while a group is one-sided.',
  ...reads('read'),
  responses: { 200: json(reconciliation, 'The books'), ...problems(['CHAIN_UNAVAILABLE']) },
});

/** The ledger's books, and beside them what each followed chain shows. */
export function reconciliationRoutes({ db, chain }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  app.openapi(reconciliationRoute, async (c) => {
    const [books, onChain] = await Promise.all([
      reconcile(db),
      chain === null ? [] : chain.reconciliation(),
    ]);
    return c.json({ ...books, chain: onChain }, 200);
  });
  return app;
}

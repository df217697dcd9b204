import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { json, reads } from '../routing.ts';
import { chainPage } from '../schemas/operations.ts';
import { problems } from '../schemas/problem.ts';

const chainsRoute = createRoute({
  method: 'get',
  path: '/v1/chains',
  tags: ['Operations'],
  summary: 'How far each followed chain was read, and what went wrong',
  ...reads('read'),
  responses: { 200: json(chainPage, 'All followed chains'), ...problems([]) },
});

/** Followed chains; none where the service runs without one. */
export function chainRoutes({ chain }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  app.openapi(chainsRoute, async (c) => {
    const data = chain === null ? [] : await chain.chains();
    return c.json({ data, nextCursor: null }, 200);
  });
  return app;
}

/** What a process without the role `api` answers: whether it is well, and its metrics. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { requestId } from 'hono/request-id';
import type { App } from './app.ts';
import type { ApiDeps, ApiEnv } from './context.ts';
import { onError } from './errors.ts';
import { Problem, sendProblem } from './problem.ts';
import { healthRoutes } from './routes/health.ts';
import { metricsRoutes } from './routes/metrics.ts';

/** Probes for the process that they run in; everything else is 404. */
export function createProbes(deps: Omit<ApiDeps, 'wallets'>): App {
  const app = new OpenAPIHono<ApiEnv>();
  app.onError(onError(deps.log));
  app.use(requestId());
  app.route('/', healthRoutes(deps));
  app.route('/', metricsRoutes(deps));
  app.notFound((c) =>
    sendProblem(c, new Problem('NOT_FOUND', 'This process answers no API: see HOLDFAST_ROLES.')),
  );
  return app;
}

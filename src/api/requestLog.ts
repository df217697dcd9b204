import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import type { Log } from '../observability/log.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { ApiContext, ApiEnv } from './context.ts';

/** The pattern of the route that answered; paths hold ids, and ids are no labels. */
function routeOf(c: ApiContext): string {
  const route = matchedRoutes(c).findLast(({ method }) => method !== 'ALL');
  return route?.path ?? 'none';
}

/** One line and one measurement a request. Neither holds headers, bodies or keys. */
export function requestLog(log: Log, metrics: Metrics) {
  return createMiddleware<ApiEnv>(async (c, next) => {
    const begun = performance.now();
    await next();
    const seconds = (performance.now() - begun) / 1000;
    const route = routeOf(c);
    const status = c.res.status;
    metrics.httpDuration.observe({ method: c.req.method, route, status: String(status) }, seconds);
    log.info(
      {
        requestId: c.get('requestId'),
        client: c.get('caller')?.client,
        method: c.req.method,
        route,
        path: c.req.path,
        status,
        ms: Math.round(seconds * 1e6) / 1000,
      },
      'request',
    );
  });
}

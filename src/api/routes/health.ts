import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Db } from '../../db/pool.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { Problem } from '../problem.ts';
import { json } from '../routing.ts';
import { health } from '../schemas/operations.ts';
import { problem } from '../schemas/problem.ts';

const tags = ['Operations'];

/** A component that has not answered by then is missing; probes give up after a few seconds. */
const PATIENCE_MS = 3000;

const liveRoute = createRoute({
  method: 'get',
  path: '/health/live',
  tags,
  summary: 'Whether the process runs',
  responses: { 200: json(health, 'It runs') },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/health/ready',
  tags,
  summary: 'Whether all that is needed answers',
  responses: {
    200: json(health, 'Everything answers'),
    503: {
      description: '`UNAVAILABLE`; `missing` names what does not answer',
      headers: { 'Retry-After': { required: true, schema: { type: 'integer' } } },
      content: { 'application/problem+json': { schema: problem } },
    },
  },
});

/** Runs a check; what it throws, or silence, is what is missing. */
async function probe(
  component: string,
  check: () => Promise<string | null>,
): Promise<{ component: string; detail: string }[]> {
  const { promise: silence, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(resolve, PATIENCE_MS, `does not answer within ${PATIENCE_MS} ms`);
  try {
    const detail = await Promise.race([check(), silence]);
    return detail === null ? [] : [{ component, detail }];
  } catch {
    // What the driver says may hold addresses and users; this page needs no key.
    return [{ component, detail: 'does not answer' }];
  } finally {
    clearTimeout(timer);
  }
}

/** A server that only reads is mostly one that another has taken over from. */
async function whatPostgresLacks(db: Db): Promise<string | null> {
  const { rows } = await db.query<{ transaction_read_only: string }>('show transaction_read_only');
  return rows[0]?.transaction_read_only === 'on' ? 'only reads, as a standby does' : null;
}

/** `/health/live` and `/health/ready`; no key needed. */
export function healthRoutes({ db, gateway, chain }: Pick<ApiDeps, 'db' | 'gateway' | 'chain'>) {
  const app = new OpenAPIHono<ApiEnv>();
  app.openapi(liveRoute, (c) => c.json({ status: 'ok' as const }, 200));
  app.openapi(readyRoute, async (c) => {
    const answers = await Promise.all([
      probe('postgres', () => whatPostgresLacks(db)),
      probe('temporal', async () => ((await gateway.ready()) ? null : 'does not answer')),
      chain === null ? [] : probe('chain', () => chain.missing()),
    ]);
    const missing = answers.flat();
    if (missing.length === 0) {
      const notSeen = chain === null ? [] : [...(await chain.blindSpots())];
      return c.json({ status: 'ok' as const, ...(notSeen.length > 0 && { notSeen }) }, 200);
    }
    const words = missing.map(({ component, detail }) => `${component} ${detail}`).join('; ');
    throw new Problem('UNAVAILABLE', `Not ready: ${words}.`, { missing });
  });
  return app;
}

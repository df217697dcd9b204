import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { HookDoor } from '../../contracts/hooks.ts';
import type { ApiEnv } from '../context.ts';
import { Problem } from '../problem.ts';
import { json } from '../routing.ts';
import { publicProblems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';

/** Where callers prove who they are by a signature and not by an API key. */
export const HOOKS_PATH = '/v1/chain-hooks';

/** RFC 9110 asks a 401 for a challenge; no scheme of its registry is about signed bodies. */
const CHALLENGE = { 'WWW-Authenticate': 'Signature realm="holdfast"' };

const taken = z
  .object({
    deliveryId: z.string().openapi({ example: 'whevt_12fbk5dv0v6qdkgz' }),
    duplicate: z.boolean().openapi({ description: 'It had been stored before.' }),
  })
  .openapi('ChainHook');

const hookRoute = createRoute({
  method: 'post',
  path: `${HOOKS_PATH}/{source}`,
  operationId: 'receiveChainHook',
  tags: ['Operations'],
  summary: 'Take a hook of a chain provider',
  description:
    'No API key: the body is signed in the way of its source (`CHAIN_HOOKS`). The hook is stored ' +
    'once per delivery id and answered; then the chain is read again for the transactions that ' +
    'it names. Amounts, states and parties in it are never believed.',
  security: [],
  request: { params: z.object({ source: idParam('source', 'alchemy') }) },
  responses: {
    202: json(taken, 'Stored, now or before'),
    ...publicProblems(['UNAUTHENTICATED', 'NOT_FOUND', 'BODY_TOO_LARGE', 'UNAVAILABLE']),
  },
});

/** As the document tells it; nothing of it is checked here, since signatures are over the bytes. */
const documented = {
  ...hookRoute,
  request: {
    ...hookRoute.request,
    body: {
      required: true,
      content: { 'application/json': { schema: z.looseObject({}).openapi({ type: 'object' }) } },
    },
  },
};

/** Hooks of the sources that are configured; every other source is 404. */
export function chainHookRoutes(hooks: HookDoor | null): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  app.openAPIRegistry.registerPath(documented);
  app.post(`${HOOKS_PATH}/:source`, async (c) => {
    const source = c.req.param('source');
    const body = new Uint8Array(await c.req.arrayBuffer());
    const delivery = { body, header: (name: string) => c.req.header(name) };
    const taken = (await hooks?.receive(source, delivery)) ?? { answer: 'unknown_source' };
    switch (taken.answer) {
      case 'taken':
        return c.json({ deliveryId: taken.deliveryId, duplicate: taken.duplicate }, 202);
      case 'refused':
        throw new Problem('UNAUTHENTICATED', taken.why, { headers: CHALLENGE });
      case 'unknown_source':
        throw new Problem('NOT_FOUND', 'No source of hooks has this name: see CHAIN_HOOKS.');
      case 'unavailable':
        throw new Problem('UNAVAILABLE', taken.why);
    }
  });
  return app;
}

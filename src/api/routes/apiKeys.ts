import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { createApiKey, deleteApiKey, listApiKeys } from '../../ledger/apiKeys.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import type { Keyring } from '../keyring.ts';
import { Problem } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import { apiKeyPage, clientFromName, createApiKeyBody, createdApiKey } from '../schemas/apiKey.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';

const tags = ['API keys'];

const createApiKeyRoute = createRoute({
  method: 'post',
  path: '/v1/api-keys',
  tags,
  summary: 'Make a key',
  description: 'The key is shown this once. Several keys may share a client: that is rotation.',
  ...writes('admin'),
  request: { body: body(createApiKeyBody, 'required') },
  responses: { 201: json(createdApiKey, 'The key'), ...problems(BODY_CODES) },
});

const listApiKeysRoute = createRoute({
  method: 'get',
  path: '/v1/api-keys',
  tags,
  summary: 'List keys in force, newest first',
  ...reads('admin'),
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(apiKeyPage, 'A page of keys'), ...problems(['INVALID_REQUEST']) },
});

const deleteApiKeyRoute = createRoute({
  method: 'delete',
  path: '/v1/api-keys/{id}',
  tags,
  summary: 'Revoke a key at once',
  ...reads('admin'),
  request: { params: z.object({ id: idParam('id', 'key-1') }) },
  responses: {
    204: { description: 'It is revoked' },
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

/** Keys of clients; the bootstrap key is none of them and cannot be revoked here. */
export function apiKeyRoutes({ db }: ApiDeps, keys: Keyring): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  app.openapi(createApiKeyRoute, async (c) => {
    const { name, client, scopes } = c.req.valid('json');
    const made = await createApiKey(db, {
      name,
      client: client ?? clientFromName(name),
      scopes: [...new Set(scopes)],
    });
    // Shown this once, to whoever asked: nobody between keeps it.
    c.header('Cache-Control', 'no-store');
    return c.json(made, 201);
  });
  app.openapi(listApiKeysRoute, async (c) =>
    c.json(await listApiKeys(db, c.req.valid('query')), 200),
  );
  app.openapi(deleteApiKeyRoute, async (c) => {
    const { id } = c.req.valid('param');
    const revoked = await deleteApiKey(db, id);
    keys.forget();
    if (!revoked) throw new Problem('NOT_FOUND', `There is no key ${id} in force.`);
    return c.body(null, 204);
  });
  return app;
}

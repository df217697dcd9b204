import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { ApiEnv } from './context.ts';
import { nameOperations } from './operationIds.ts';

const TAGS = [
  { name: 'Transfers', description: 'Groups of legs that settle, release or cancel together.' },
  { name: 'Payout runs', description: 'Lists of up to 10,000 payments out of one wallet.' },
  { name: 'Deposits', description: 'Money that comes in, and the addresses it comes to.' },
  { name: 'Withdrawals', description: 'Money that goes out.' },
  { name: 'Wallets', description: 'Holders of a balance in one asset.' },
  { name: 'Assets', description: 'Units, with a scale, chainless or on a chain.' },
  { name: 'Limits', description: 'How much may go out in a day.' },
  { name: 'API keys', description: 'Who may do what.' },
  { name: 'Operations', description: 'Health, books, chains.' },
];

const DESCRIPTION = `Durable transfers over a double-entry wallet ledger.

Amounts are decimal strings in whole units. Every POST that moves or reserves money needs an
\`Idempotency-Key\`; sending it again with the same meaning is always safe. Errors are
\`application/problem+json\` with a stable \`code\`.`;

const documentRoute = createRoute({
  method: 'get',
  path: '/openapi.json',
  tags: ['Operations'],
  summary: 'This document',
  responses: {
    200: {
      description: 'OpenAPI 3.1',
      content: { 'application/json': { schema: z.object({ openapi: z.string() }).loose() } },
    },
  },
});

interface WithHeaders {
  headers?: object;
}

type Document = ReturnType<OpenAPIHono['getOpenAPI31Document']>;

/** Every answer bears a request id; said here once and not at each route. */
function nameRequestIds(document: Document): void {
  const name = 'X-Request-Id';
  document.components ??= {};
  document.components.headers = {
    [name]: {
      description: "The caller's own id of the request, or one that was made; the log has it.",
      required: true,
      schema: { type: 'string' },
    },
  };
  const reference = { $ref: `#/components/headers/${name}` };
  const operations = Object.values(document.paths ?? {}).flatMap((path) => Object.values(path));
  for (const { responses } of operations as { responses: Record<string, WithHeaders> }[]) {
    for (const response of Object.values(responses)) {
      response.headers = { ...response.headers, [name]: reference };
    }
  }
}

/** Serves the OpenAPI 3.1 document of all routes that are registered by now. */
export function serveDocument(app: OpenAPIHono<ApiEnv>): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key. Of the scopes that a call lists it needs one; `admin` has all.',
  });
  app.openAPIRegistry.registerPath(documentRoute);
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: '1',
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/' }],
    tags: TAGS,
  });
  nameRequestIds(document);
  nameOperations(document);
  app.get('/openapi.json', (c) => c.json(document));
}

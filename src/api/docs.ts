import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { secureHeaders } from 'hono/secure-headers';
import type { ApiEnv } from './context.ts';

/** What the page loads, all of it from here: the names are the only ones that are served. */
const FILES = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['favicon-32x32.png', 'image/png'],
]);

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Holdfast API</title>
    <link rel="stylesheet" href="docs/swagger-ui.css">
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png">
  </head>
  <body>
    <div id="reference"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

/** A file of its own, so that the page runs under a policy without inline scripts. */
const START = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  validatorUrl: null,
});
`;

const docsRoute = createRoute({
  method: 'get',
  path: '/docs',
  tags: ['Operations'],
  summary: 'A reference page, which loads nothing from elsewhere',
  responses: {
    200: { description: 'The page', content: { 'text/html': { schema: z.string() } } },
  },
});

/**
 * A reference page that works with no internet: Swagger UI from node_modules, and a policy that
 * lets the browser load nothing from elsewhere.
 */
export function docsRoutes(): OpenAPIHono<ApiEnv> {
  const root = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const app = new OpenAPIHono<ApiEnv>();
  app.use(
    '/docs/*',
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'self'"],
        // Swagger UI's icons are data URLs in its style sheet, and it sets styles on elements.
        imgSrc: ["'self'", 'data:'],
        styleSrc: ["'self'", "'unsafe-inline'"],
      },
    }),
  );
  app.openapi(docsRoute, (c) => c.html(PAGE, 200));
  app.get('/docs/', (c) => c.redirect('../docs'));
  app.get('/docs/start.js', (c) =>
    c.body(START, 200, { 'Content-Type': 'text/javascript; charset=utf-8' }),
  );
  app.get('/docs/:file', async (c) => {
    const type = FILES.get(c.req.param('file'));
    if (type === undefined) return c.notFound();
    const content = await readFile(join(root, c.req.param('file')));
    return c.body(new Uint8Array(content), 200, {
      'Content-Type': type,
      'Cache-Control': 'public, max-age=3600',
    });
  });
  return app;
}

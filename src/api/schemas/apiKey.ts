import { z } from '@hono/zod-openapi';
import { SCOPES } from '../context.ts';
import { pageOf } from './page.ts';
import { textOf } from './text.ts';

/**
 * Words that stand for something else where a client's name stands: `chain` in the ids of the
 * watcher's deposits, `treasury` as who asks for sweeps and so may approve none, the others as
 * actors of the timeline.
 */
const RESERVED_CLIENTS = new Set([
  'chain',
  'custody',
  'ledger',
  'policy',
  'risk',
  'saga',
  'sweeper',
  'temporal-ui',
  'treasury',
  'watcher',
]);

const CLIENT_PATTERN = /^[a-z0-9_-]{1,64}$/;

const client = z
  .string()
  .regex(CLIENT_PATTERN, 'A client has 1 to 64 of a-z 0-9 _ -')
  .refine((name) => !RESERVED_CLIENTS.has(name), {
    message: `These names are taken: ${[...RESERVED_CLIENTS].join(', ')}.`,
  })
  .openapi({ example: 'shop' });

/**
 * `Shop Berlin (test)` becomes `shop-berlin-test`, and `Treasury`, which stands for something else,
 * `treasury-client`; a name without any such letter stays ''.
 */
export function clientFromName(name: string): string {
  const words =
    name
      .normalize('NFKD')
      .toLowerCase()
      .match(/[a-z0-9_]+/g) ?? [];
  const made = words.join('-').slice(0, 64);
  return RESERVED_CLIENTS.has(made) ? `${made}-client` : made;
}

export const createApiKeyBody = z
  .strictObject({
    name: textOf(1, 255).openapi({ example: 'Shop' }),
    client: client.optional().openapi({ description: 'Default: made from the name.' }),
    scopes: z.array(z.enum(SCOPES)).min(1),
  })
  .superRefine(({ name, client: given }, ctx) => {
    if (given === undefined && !client.safeParse(clientFromName(name)).success) {
      ctx.addIssue({
        code: 'custom',
        path: ['client'],
        message: 'No client can be made from this name: give one.',
      });
    }
  })
  .openapi('CreateApiKey');

const fields = {
  id: z.string(),
  name: z.string(),
  client: z.string(),
  scopes: z.array(z.enum(SCOPES)),
};

export const createdApiKey = z
  .object({ ...fields, key: z.string().openapi({ description: 'Shown this once.' }) })
  .openapi('CreatedApiKey');

const apiKey = z.object(fields).openapi('ApiKey');

export const apiKeyPage = pageOf('ApiKeyPage', apiKey);

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import {
  addDestination,
  assetOnChain,
  deleteDestination,
  deleteDestinationNamed,
  listDestinations,
} from '../../ledger/destinations.ts';
import { canonicalDestination } from '../canonicalDestination.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import {
  createDestinationBody,
  destination,
  destinationPage,
  destinationQuery,
  namedDestinationBody,
} from '../schemas/destination.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';

const tags = ['Destinations'];
const params = z.object({ id: idParam('id', '0b2f7d0a-5f0e-4f6e-9a53-0d8a1b1f6c11') });

const createDestinationRoute = createRoute({
  method: 'post',
  path: '/v1/destinations',
  tags,
  summary: 'List a destination that an owner’s withdrawals may go to',
  description: 'Again the same one: 200 with the entry as it stands; its time goes on.',
  ...writes('transfer', 'operate'),
  request: { body: body(createDestinationBody, 'required') },
  responses: {
    201: json(destination, 'The new entry'),
    200: json(destination, 'The entry was there'),
    ...problems([
      ...BODY_CODES,
      'INVALID_DESTINATION',
      'DESTINATION_NOT_ALLOWED',
      'CHAIN_UNAVAILABLE',
    ]),
  },
});

const listDestinationsRoute = createRoute({
  method: 'get',
  path: '/v1/destinations',
  tags,
  summary: 'List destinations, newest first',
  ...reads('read'),
  request: { query: destinationQuery },
  responses: { 200: json(destinationPage, 'A page'), ...problems(['INVALID_REQUEST']) },
});

const deleteDestinationRoute = createRoute({
  method: 'delete',
  path: '/v1/destinations/{id}',
  tags,
  summary: 'Take a destination away, at once',
  ...reads('transfer', 'operate'),
  request: { params },
  responses: {
    204: { description: 'It is taken away' },
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

const deleteNamedRoute = createRoute({
  method: 'delete',
  path: '/v1/destinations',
  operationId: 'deleteNamedDestination',
  tags,
  summary: 'Take a destination away by what it is',
  description: 'For whoever has not kept its id. A label tells nothing apart and is refused.',
  ...writes('transfer', 'operate'),
  request: { body: body(namedDestinationBody, 'required') },
  responses: {
    204: { description: 'It is taken away' },
    ...problems([...BODY_CODES, 'INVALID_DESTINATION', 'NOT_FOUND', 'CHAIN_UNAVAILABLE']),
  },
});

/** The address in the form that withdrawals carry. */
async function canonicalAddress(
  deps: ApiDeps,
  chain: string | null,
  address: string,
): Promise<string> {
  if (chain === null) return address;
  const asset = await assetOnChain(deps.db, chain);
  if (asset !== null) {
    return canonicalDestination(deps, { chain, asset }, address, '/address');
  }
  const detail = `No asset of ${chain} is registered.`;
  throw new Problem('INVALID_REQUEST', detail, { errors: [{ pointer: '/chain', detail }] });
}

/** The allow-list of withdrawals. Whether it has to be kept to, the destination rules say. */
export function destinationRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { db } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  app.openapi(createDestinationRoute, async (c) => {
    const { owner, chain = null, address, memo, label } = c.req.valid('json');
    const added = await addDestination(db, {
      owner,
      chain,
      address: await canonicalAddress(deps, chain, address),
      memo: memo ?? null,
      label: label ?? null,
      actor: c.get('caller').client,
    });
    if ('refusal' in added) throw problemOfRefusal(added.refusal);
    return c.json(added.destination, added.created ? 201 : 200);
  });
  app.openapi(listDestinationsRoute, async (c) => {
    const { limit, cursor, owner, chain, deleted } = c.req.valid('query');
    const filter = { ...(owner && { owner }), ...(chain && { chain }), deleted };
    return c.json(await listDestinations(db, filter, { limit, cursor }), 200);
  });
  app.openapi(deleteDestinationRoute, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deleteDestination(db, id, c.get('caller').client))) {
      throw new Problem('NOT_FOUND', `No destination ${id} is listed.`);
    }
    return c.body(null, 204);
  });
  app.openapi(deleteNamedRoute, async (c) => {
    const { owner, chain = null, address, memo = null } = c.req.valid('json');
    const named = { owner, chain, address: await canonicalAddress(deps, chain, address), memo };
    if (!(await deleteDestinationNamed(db, { ...named, actor: c.get('caller').client }))) {
      throw new Problem('NOT_FOUND', `${named.address} is not listed so for ${owner}.`);
    }
    return c.body(null, 204);
  });
  return app;
}

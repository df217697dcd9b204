import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { assignUnattributed, listUnattributed } from '../../chains/unattributed.ts';
import { assignmentId } from '../../contracts/ids.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { moneyAnswers, moneyHeaders } from '../idempotency.ts';
import { Problem } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import { problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';
import { assignBody, unattributedPage, unattributedQuery } from '../schemas/unattributed.ts';
import { decideInLedger, sendStep, stepOf } from '../steps.ts';

const tags = ['Deposits'];

const listRoute = createRoute({
  method: 'get',
  path: '/v1/unattributed',
  tags,
  summary: 'Deposits that belong to no wallet yet, newest first',
  description: 'No open wallet was there for them, or they were less than the minimum.',
  ...reads('read'),
  request: { query: unattributedQuery },
  responses: { 200: json(unattributedPage, 'A page of them'), ...problems(['INVALID_REQUEST']) },
});

const assignRoute = createRoute({
  method: 'post',
  path: '/v1/unattributed/{id}/assign',
  tags,
  summary: 'Say whose such a deposit is',
  description:
    'Moves it from `unattributed:<asset>` to the wallet by a group of its own, once. Its block ' +
    'has to be final.',
  ...writes('operate'),
  request: {
    params: z.object({ id: idParam('id', 'deposit:chain:eip155:31337:0xabc:native') }),
    headers: moneyHeaders,
    body: body(assignBody, 'required'),
  },
  responses: moneyAnswers(201, 'The group that moved it', [
    'GROUP_NOT_FOUND',
    'WALLET_NOT_FOUND',
    'WALLET_NOT_OPEN',
    'ASSET_MISMATCH',
    'DEPOSIT_EXISTS',
    'CHAIN_DECIDES',
  ]),
});

/** Coins that came and that nobody is booked for. */
export function unattributedRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  app.openapi(listRoute, async (c) => {
    const { asset, assigned, ...page } = c.req.valid('query');
    return c.json(await listUnattributed(deps.db, { asset, assigned }, page), 200);
  });
  app.openapi(assignRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { client } = c.get('caller');
    const { 'Idempotency-Key': key } = c.req.valid('header');
    const group = assignmentId(id, client, key);
    const step = stepOf(c.get('caller'), 'assign', group, key);
    const input = { ...step, client, deposit: id, ...c.req.valid('json') };
    // Decided here and not by a saga: it is one step, done or refused, and nothing waits for it.
    const answer = await decideInLedger(deps, 'assign', input, async () => {
      const outcome = await assignUnattributed(deps.db, input);
      if (outcome.outcome !== 'not_found') return outcome;
      throw new Problem('GROUP_NOT_FOUND', `There is no unattributed deposit ${id}.`);
    });
    return sendStep(c, deps, answer, 201);
  });
  return app;
}

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { groupId } from '../../contracts/ids.ts';
import { listGroupEntries } from '../../ledger/entries.ts';
import { listGroups } from '../../ledger/groups.ts';
import { readTimeline } from '../../ledger/timeline.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { findGroup, groupResource } from '../groupResource.ts';
import { moneyAnswers, moneyHeaders } from '../idempotency.ts';
import { checkLegs, legsAsStored } from '../legRules.ts';
import { waitMsOf } from '../prefer.ts';
import { body, json, reads, writes } from '../routing.ts';
import { entryPage } from '../schemas/entry.ts';
import {
  createTransferBody,
  GROUP_KINDS,
  GROUP_STATUSES,
  group,
  groupPage,
  reference,
  timelinePage,
  WITHDRAWAL_STATES,
} from '../schemas/group.ts';
import { pageQuery } from '../schemas/page.ts';
import { problems } from '../schemas/problem.ts';
import { idParam, walletId } from '../schemas/text.ts';
import { NOT_BOUND_YET, sendStep, startSaga, stepOf } from '../steps.ts';

const tags = ['Transfers'];
const params = z.object({ id: idParam('id', 'transfer:shop:order-4711') });

/** API.md: a manual group without `expiresIn` waits a day. */
const DEFAULT_EXPIRES_IN_SECONDS = 86_400;

const createTransferRoute = createRoute({
  method: 'post',
  path: '/v1/transfers',
  tags,
  summary: 'Move money, or hold it to move later',
  description:
    '`immediate`: held and settled in one database transaction, all or nothing. `manual`: held, ' +
    'waits for settle, release or cancel, and is cancelled at its deadline.',
  ...writes('transfer'),
  request: { headers: moneyHeaders, body: body(createTransferBody, 'required') },
  responses: moneyAnswers(201, 'The group', [
    'INVALID_AMOUNT',
    'WALLET_NOT_FOUND',
    'WALLET_NOT_OPEN',
    'ASSET_MISMATCH',
    'INSUFFICIENT_FUNDS',
    'UNBALANCED_GROUP',
    'NOT_ACCEPTED_IN_TIME',
  ]),
});

const readTransferRoute = createRoute({
  method: 'get',
  path: '/v1/transfers/{id}',
  tags,
  summary: 'Read a group of any kind',
  ...reads('read'),
  request: { params },
  responses: { 200: json(group, 'The group'), ...problems(['INVALID_REQUEST', 'GROUP_NOT_FOUND']) },
});

const listTransfersRoute = createRoute({
  method: 'get',
  path: '/v1/transfers',
  tags,
  summary: 'List groups of all kinds, newest first',
  ...reads('read'),
  request: {
    query: z.strictObject({
      ...pageQuery,
      status: z.enum(GROUP_STATUSES).optional(),
      wallet: walletId.optional(),
      kind: z.enum(GROUP_KINDS).optional(),
      reference: reference.optional(),
      state: z.enum(WITHDRAWAL_STATES).optional().openapi({ description: 'Of withdrawals.' }),
    }),
  },
  responses: { 200: json(groupPage, 'A page of groups'), ...problems(['INVALID_REQUEST']) },
});

const entriesRoute = createRoute({
  method: 'get',
  path: '/v1/transfers/{id}/entries',
  tags,
  summary: "List a group's entries, oldest first",
  ...reads('read'),
  request: { params, query: z.strictObject(pageQuery) },
  responses: {
    200: json(entryPage, 'A page of entries'),
    ...problems(['INVALID_REQUEST', 'GROUP_NOT_FOUND']),
  },
});

const timelineRoute = createRoute({
  method: 'get',
  path: '/v1/transfers/{id}/timeline',
  tags,
  summary: 'What happened, in order, by whom and why',
  ...reads('read'),
  request: { params },
  responses: {
    200: json(timelinePage, 'The whole timeline'),
    ...problems(['INVALID_REQUEST', 'GROUP_NOT_FOUND']),
  },
});

function createTransfer(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(createTransferRoute, async (c) => {
    const caller = c.get('caller');
    const { 'Idempotency-Key': key, Prefer: prefer } = c.req.valid('header');
    const { legs: sent, settle, expiresIn, reference: ref, metadata } = c.req.valid('json');
    const waitMs = waitMsOf(prefer);
    const asked = {
      ...stepOf(caller, 'create', groupId('transfer', caller.client, key), key),
      client: caller.client,
      legs: sent,
      settle,
      expiresIn: settle === 'manual' ? (expiresIn ?? DEFAULT_EXPIRES_IN_SECONDS) : null,
      reference: ref ?? null,
      metadata,
      ...NOT_BOUND_YET,
    };
    const respell = async (stored: unknown) => ({
      ...asked,
      legs: await legsAsStored(deps.wallets, sent, stored),
    });
    const request = { type: 'transfer' as const, input: asked, respell };
    const answer = await startSaga(deps, request, waitMs, async () => {
      const { legs, assets } = await checkLegs(deps.wallets, caller, sent);
      return { input: { ...asked, legs }, assets };
    });
    return sendStep(c, deps, answer, 201);
  });
}

/** Creation and reading of transfer groups; acts on them stand in `transferActs.ts`. */
export function transferRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { db, gateway } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  createTransfer(app, deps);
  app.openapi(readTransferRoute, async (c) => {
    const found = await findGroup(db, gateway, c.req.valid('param').id);
    return c.json(groupResource(gateway, found), 200);
  });
  app.openapi(listTransfersRoute, async (c) => {
    const { limit, cursor, ...filter } = c.req.valid('query');
    const page = await listGroups(db, filter, { limit, cursor });
    const data = page.data.map((item) => groupResource(gateway, item));
    return c.json({ data, nextCursor: page.nextCursor }, 200);
  });
  app.openapi(entriesRoute, async (c) => {
    const { id } = await findGroup(db, gateway, c.req.valid('param').id);
    return c.json(await listGroupEntries(db, id, c.req.valid('query')), 200);
  });
  app.openapi(timelineRoute, async (c) => {
    const { id } = await findGroup(db, gateway, c.req.valid('param').id);
    return c.json({ data: await readTimeline(db, id), nextCursor: null }, 200);
  });
  return app;
}

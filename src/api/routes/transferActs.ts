import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { ProblemCode } from '../../contracts/codes.ts';
import { reversalId } from '../../contracts/ids.ts';
import type { Amount, Group } from '../../contracts/resources.ts';
import type { LegAmount, SettleInput } from '../../contracts/steps.ts';
import { readGroup } from '../../ledger/groups.ts';
import { type ApiDeps, type ApiEnv, type Caller, isAdmin } from '../context.ts';
import { moneyAnswers, moneyHeaders } from '../idempotency.ts';
import {
  checkGroupAmount,
  checkLegAmounts,
  checkLegs,
  legsAsStored,
  refuseSystemLegs,
} from '../legRules.ts';
import { waitMsOf } from '../prefer.ts';
import { Problem } from '../problem.ts';
import { body, writes } from '../routing.ts';
import { addLegsBody, extendBody, reasonBody, reverseBody, settleBody } from '../schemas/group.ts';
import { idParam } from '../schemas/text.ts';
import { actOnSaga, NOT_BOUND_YET, sendStep, startSaga, stepOf } from '../steps.ts';

const tags = ['Transfers'];
const params = z.object({ id: idParam('id', 'transfer:shop:order-4711') });

/** Every act on an open group of kind `transfer` can be refused with these. */
const ACT_CODES: ProblemCode[] = [
  'GROUP_NOT_FOUND',
  'GROUP_NOT_OPEN',
  'WRONG_KIND',
  'CHAIN_DECIDES',
  'MAY_BE_ON_CHAIN',
  'NOT_ACCEPTED_IN_TIME',
];

const addLegsRoute = createRoute({
  method: 'post',
  path: '/v1/transfers/{id}/legs',
  operationId: 'addTransferLegs',
  tags,
  summary: 'Hold further legs: all of them or none',
  ...writes('transfer'),
  request: { params, headers: moneyHeaders, body: body(addLegsBody, 'required') },
  responses: moneyAnswers(200, 'The group', [
    ...ACT_CODES,
    'INVALID_AMOUNT',
    'WALLET_NOT_FOUND',
    'WALLET_NOT_OPEN',
    'ASSET_MISMATCH',
    'INSUFFICIENT_FUNDS',
  ]),
});

const settleRoute = createRoute({
  method: 'post',
  path: '/v1/transfers/{id}/settle',
  tags,
  summary: 'Capture what is held, all of it or part',
  description:
    'With `legs`: that much of each; `final` releases what is left, else it stays held. When ' +
    'nothing remains the group is SETTLED.',
  ...writes('transfer'),
  request: { params, headers: moneyHeaders, body: body(settleBody, 'optional') },
  responses: moneyAnswers(200, 'The group', [
    ...ACT_CODES,
    'INVALID_AMOUNT',
    'UNBALANCED_GROUP',
    'AMOUNT_EXCEEDS_HELD',
  ]),
});

const releaseRoute = createRoute({
  method: 'post',
  path: '/v1/transfers/{id}/release',
  tags,
  summary: 'Give back what remains: conditions were met, or disputed',
  ...writes('transfer'),
  request: { params, headers: moneyHeaders, body: body(reasonBody, 'required') },
  responses: moneyAnswers(200, 'The group', ACT_CODES),
});

const cancelRoute = createRoute({
  method: 'post',
  path: '/v1/transfers/{id}/cancel',
  tags,
  summary: 'Give back what remains before conditions were met',
  ...writes('transfer'),
  request: { params, headers: moneyHeaders, body: body(reasonBody, 'required') },
  responses: moneyAnswers(200, 'The group', ACT_CODES),
});

const extendRoute = createRoute({
  method: 'post',
  path: '/v1/transfers/{id}/extend',
  tags,
  summary: 'Move the deadline, counted from now',
  ...writes('operate'),
  request: { params, headers: moneyHeaders, body: body(extendBody, 'required') },
  responses: moneyAnswers(200, 'The group', ACT_CODES),
});

const reverseRoute = createRoute({
  method: 'post',
  path: '/v1/transfers/{id}/reverse',
  tags,
  summary: 'Move back what was settled, all of it or part',
  description:
    'A new group of kind `reversal`. `amount` only where exactly one debit and one credit leg ' +
    'settled. On chainless deposits and withdrawals the scope `operate` is needed.',
  ...writes('transfer', 'operate'),
  request: { params, headers: moneyHeaders, body: body(reverseBody, 'required') },
  responses: moneyAnswers(201, 'The reversal', [
    ...ACT_CODES,
    'INVALID_AMOUNT',
    'GROUP_NOT_SETTLED',
    'UNBALANCED_GROUP',
    'REVERSAL_EXCEEDS_SETTLED',
    'INSUFFICIENT_FUNDS',
    'WALLET_NOT_OPEN',
  ]),
});

/** The acts that end or prolong a group. */
function closingActs(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(releaseRoute, async (c) => {
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const step = stepOf(c.get('caller'), 'release', c.req.valid('param').id, key);
    const input = { ...step, reason: c.req.valid('json').reason };
    return sendStep(c, deps, await actOnSaga(deps, 'release', input, waitMsOf(Prefer)), 200);
  });
  app.openapi(cancelRoute, async (c) => {
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const step = stepOf(c.get('caller'), 'cancel', c.req.valid('param').id, key);
    const input = { ...step, reason: c.req.valid('json').reason };
    return sendStep(c, deps, await actOnSaga(deps, 'cancel', input, waitMsOf(Prefer)), 200);
  });
  app.openapi(extendRoute, async (c) => {
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const step = stepOf(c.get('caller'), 'extend', c.req.valid('param').id, key);
    const input = { ...step, expiresIn: c.req.valid('json').expiresIn };
    return sendStep(c, deps, await actOnSaga(deps, 'extend', input, waitMsOf(Prefer)), 200);
  });
}

/** The acts that move or hold money of an open group. */
function movingActs(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  const { db, wallets } = deps;
  app.openapi(addLegsRoute, async (c) => {
    const caller = c.get('caller');
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const sent = c.req.valid('json').legs;
    const input = { ...stepOf(caller, 'addLegs', c.req.valid('param').id, key), legs: sent };
    const answer = await actOnSaga(deps, 'addLegs', input, waitMsOf(Prefer), {
      judge: async () => ({ ...input, legs: (await checkLegs(wallets, caller, sent)).legs }),
      respell: async (stored) => ({ ...input, legs: await legsAsStored(wallets, sent, stored) }),
    });
    return sendStep(c, deps, answer, 200);
  });
  app.openapi(settleRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const { legs = null, final = true } = c.req.valid('json');
    const input = { ...stepOf(c.get('caller'), 'settle', id, key), legs, final };
    const judge = async () => {
      if (legs !== null) {
        await checkLegAmounts(wallets, (await readGroup(db, id))?.legs ?? [], legs);
      }
      return input;
    };
    const respell = async (stored: unknown) => asKept(input, stored);
    const answer = await actOnSaga(deps, 'settle', input, waitMsOf(Prefer), { judge, respell });
    return sendStep(c, deps, answer, 200);
  });
}

/** A settlement as it was kept while an absent body got no defaults: `final` was left open. */
function asKept(input: SettleInput, stored: unknown): SettleInput {
  const { final }: Partial<SettleInput> = stored ?? {};
  return final === undefined && input.final ? { ...input, final: undefined as never } : input;
}

/**
 * A reversal of a transfer needs the scope `transfer`, that of a deposit or withdrawal `operate`:
 * it undoes what an operator confirmed.
 */
function refuseScope(caller: Caller, { kind }: Group): void {
  const scope = kind === 'deposit' || kind === 'withdrawal' ? 'operate' : 'transfer';
  if (caller.scopes.has(scope) || isAdmin(caller)) return;
  throw new Problem('FORBIDDEN', `Reversing a ${kind} needs the scope ${scope}.`);
}

/** An amount fits one debit and one credit leg that settled; where none did, the ledger refuses. */
function refuseAmount({ legs }: Group, amount: Amount | undefined): void {
  const settled = legs.filter((leg) => leg.settled !== '0').map(({ type }) => type);
  if (amount === undefined || settled.length === 0) return;
  if (settled.length === 2 && settled.includes('DEBIT') && settled.includes('CREDIT')) return;
  const detail = 'An amount alone fits one debit and one credit leg that settled: name the legs.';
  throw new Problem('INVALID_REQUEST', detail, { errors: [{ pointer: '/amount', detail }] });
}

/** What can be said of a reversal before anything starts. */
async function refuseReversal(
  { wallets }: ApiDeps,
  caller: Caller,
  original: Group,
  { amount, legs }: { amount?: Amount | undefined; legs?: LegAmount[] | undefined },
): Promise<void> {
  refuseAmount(original, amount);
  // Operators may undo what came from outside; of a transfer each wallet is named once more.
  if (original.kind === 'transfer') await refuseSystemLegs(wallets, caller, original.legs);
  await checkGroupAmount(wallets, original.legs, amount);
  if (legs !== undefined) await checkLegAmounts(wallets, original.legs, legs);
}

function reverse(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(reverseRoute, async (c) => {
    const caller = c.get('caller');
    const { id } = c.req.valid('param');
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const asked = c.req.valid('json');
    const { amount, legs, reason } = asked;
    const original = await readGroup(deps.db, id);
    if (original === null)
      throw new Problem('GROUP_NOT_FOUND', `There is no transfer group ${id}.`);
    refuseScope(caller, original);
    const waitMs = waitMsOf(Prefer);
    const input = {
      ...stepOf(caller, 'create', reversalId(id, caller.client, key), key),
      reverses: id,
      client: caller.client,
      amount: amount ?? null,
      legs: legs ?? null,
      reason,
      ...NOT_BOUND_YET,
    };
    const answer = await startSaga(deps, { type: 'reversal', input }, waitMs, async () => {
      await refuseReversal(deps, caller, original, asked);
      return { input };
    });
    return sendStep(c, deps, answer, 201);
  });
}

/** Acts on a group of kind `transfer`; which kinds each takes is decided in the ledger. */
export function transferActRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  movingActs(app, deps);
  closingActs(app, deps);
  reverse(app, deps);
  return app;
}

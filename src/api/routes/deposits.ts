import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { ProblemCode } from '../../contracts/codes.ts';
import { groupId } from '../../contracts/ids.ts';
import type { Amount } from '../../contracts/resources.ts';
import { readGroup } from '../../ledger/groups.ts';
import { sendChainDeposit } from '../chainDeposit.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { moneyAnswers, moneyHeaders } from '../idempotency.ts';
import { checkGroupAmount, checkWallet } from '../legRules.ts';
import { waitMsOf } from '../prefer.ts';
import { Problem } from '../problem.ts';
import { body, json, writes } from '../routing.ts';
import { confirmDepositBody, createDepositBody, depositGroups } from '../schemas/deposit.ts';
import { reasonBody } from '../schemas/group.ts';
import { idParam } from '../schemas/text.ts';
import {
  actOnSaga,
  answeredBefore,
  NOT_BOUND_YET,
  type StepAnswer,
  sendStep,
  startSaga,
  stepOf,
} from '../steps.ts';

const tags = ['Deposits'];
const params = z.object({ id: idParam('id', 'deposit:shop:order-4711') });

const ACT_CODES: ProblemCode[] = [
  'GROUP_NOT_FOUND',
  'GROUP_NOT_OPEN',
  'WRONG_KIND',
  'CHAIN_DECIDES',
  'NOT_ACCEPTED_IN_TIME',
];

const createDepositRoute = createRoute({
  method: 'post',
  path: '/v1/deposits',
  tags,
  summary: 'Announce a deposit, or have a transaction read again',
  description:
    'Chainless asset: the amount is pending until it is confirmed; unique by (asset, source, ' +
    'txid, ordinal) where a txid is given. Chain asset: only `txid` is used, and nothing is ' +
    "booked from the body; the answer is the watcher's group, a page where there are several, " +
    '202 while the transaction is unseen.',
  ...writes('operate'),
  request: { headers: moneyHeaders, body: body(createDepositBody, 'required') },
  responses: {
    ...moneyAnswers(201, 'The deposit, pending', [
      'INVALID_AMOUNT',
      'WALLET_NOT_FOUND',
      'WALLET_NOT_OPEN',
      'ASSET_PAUSED',
      'DEPOSIT_EXISTS',
      'BELOW_MINIMUM',
      'NOT_ACCEPTED_IN_TIME',
      'CHAIN_UNAVAILABLE',
    ]),
    200: json(depositGroups, 'The first deposit of that txid, or what the chain shows'),
    202: {
      ...json(depositGroups, 'Accepted, or not seen yet. Ask again with the same key.'),
      headers: { Location: { required: true, schema: { type: 'string' } } },
    },
  },
});

const confirmRoute = createRoute({
  method: 'post',
  path: '/v1/deposits/{id}/confirm',
  tags,
  summary: 'Say that a chainless deposit arrived, all of it or part',
  description: '`final` is false when an amount is given, true when not.',
  ...writes('operate'),
  request: { params, headers: moneyHeaders, body: body(confirmDepositBody, 'optional') },
  responses: moneyAnswers(200, 'The deposit', [
    ...ACT_CODES,
    'INVALID_AMOUNT',
    'AMOUNT_EXCEEDS_HELD',
  ]),
});

const cancelRoute = createRoute({
  method: 'post',
  path: '/v1/deposits/{id}/cancel',
  tags,
  summary: 'Say that a chainless deposit will not arrive',
  ...writes('operate'),
  request: { params, headers: moneyHeaders, body: body(reasonBody, 'required') },
  responses: moneyAnswers(200, 'The deposit', ACT_CODES),
});

function createDeposit(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(createDepositRoute, async (c) => {
    const caller = c.get('caller');
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const { wallet, amount, txid, ordinal, source, metadata } = c.req.valid('json');
    const waitMs = waitMsOf(Prefer);
    const step = stepOf(caller, 'create', groupId('deposit', caller.client, key), key);
    const announced = (sum: Amount) => {
      const input = {
        ...step,
        client: caller.client,
        wallet,
        amount: sum,
        txid: txid ?? null,
        ordinal: ordinal ?? null,
        source: source ?? null,
        metadata,
        ...NOT_BOUND_YET,
      };
      // The first event of a transaction is meant where none is named.
      const canonical = { ...input, ordinal: ordinal || null };
      return { type: 'deposit' as const, input, canonical, respell: async () => canonical };
    };
    // A txid that was announced before, under another key, is answered with the first group.
    const send = (answer: StepAnswer) =>
      sendStep(c, deps, answer, answer.group.id === step.groupId ? 201 : 200);
    const facts = await deps.wallets.wallet(wallet);
    if (facts !== null && facts.chain !== null) {
      // Nothing of it is stored, but the key may have been answered before the wallet was there.
      const before = amount && (await answeredBefore(deps, 'openDeposit', announced(amount)));
      if (before) return send(before);
      await checkWallet(deps.wallets, caller, wallet, {});
      const at = { asset: facts.asset, chain: facts.chain };
      return sendChainDeposit(c, deps, at, wallet, txid, waitMs);
    }
    if (amount === undefined) {
      const detail = 'An amount is required for a chainless asset.';
      throw new Problem('INVALID_REQUEST', detail, { errors: [{ pointer: '/amount', detail }] });
    }
    const sent = announced(amount);
    const answer = await startSaga(deps, sent, waitMs, async () => {
      const found = await checkWallet(deps.wallets, caller, wallet, { amount });
      return { input: sent.canonical, assets: found ? [found.asset] : [] };
    });
    return send(answer);
  });
}

/** Chainless deposits and their ends; on a chain the watcher decides. */
export function depositRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { db, wallets } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  createDeposit(app, deps);
  app.openapi(confirmRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const { amount, final } = c.req.valid('json');
    if (amount !== undefined) {
      await checkGroupAmount(wallets, (await readGroup(db, id))?.legs ?? [], amount);
    }
    const input = {
      ...stepOf(c.get('caller'), 'confirm', id, key),
      amount: amount ?? null,
      final: final ?? amount === undefined,
      txid: null,
    };
    return sendStep(c, deps, await actOnSaga(deps, 'confirm', input, waitMsOf(Prefer)), 200);
  });
  app.openapi(cancelRoute, async (c) => {
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const step = stepOf(c.get('caller'), 'cancel', c.req.valid('param').id, key);
    const input = { ...step, reason: c.req.valid('json').reason };
    return sendStep(c, deps, await actOnSaga(deps, 'cancelDeposit', input, waitMsOf(Prefer)), 200);
  });
  return app;
}

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { payoutRunId } from '../../contracts/ids.ts';
import {
  type OpenedPayoutRun,
  PAYOUT_LINE_STATUSES,
  PAYOUT_RUN_STATUSES,
  type PayoutOutcome,
  type PayoutRun,
} from '../../contracts/payouts.ts';
import {
  listPayoutLines,
  listPayoutRuns,
  readPayoutRun,
  readPayoutTimeline,
} from '../../ledger/payoutLists.ts';
import { cancelPayoutRun, replayPayoutRun } from '../../ledger/payoutRuns.ts';
import type { ApiContext, ApiDeps, ApiEnv } from '../context.ts';
import { answersWith, moneyHeaders } from '../idempotency.ts';
import { linesAsSent, payoutLines } from '../payoutLines.ts';
import { payoutProblem, payoutWord } from '../payoutOutcomes.ts';
import { waitMsOf } from '../prefer.ts';
import { Problem } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import { reasonBody, timelinePage } from '../schemas/group.ts';
import { pageQuery } from '../schemas/page.ts';
import {
  openPayoutRunBody,
  payoutLinePage,
  payoutRun,
  payoutRunPage,
} from '../schemas/payoutRun.ts';
import { problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';
import { stepOf } from '../steps.ts';

/** Lists are posted here; their bodies may be larger than others. */
export const PAYOUT_RUNS_PATH = '/v1/payout-runs';

const tags = ['Payout runs'];
const params = z.object({ id: idParam('id', 'payoutRun:shop:2026-01') });

const openRoute = createRoute({
  method: 'post',
  path: PAYOUT_RUNS_PATH,
  tags,
  summary: 'Pay a list of up to 10,000 lines out of one wallet',
  description:
    'Every line is a transfer of its own, or a withdrawal where it names a `destination`. A list ' +
    'with a line at fault is refused whole, and `errors` names the first 100. Nothing is held: a ' +
    'line that cannot be paid when it is its turn is refused by itself, for ever, and the rest ' +
    'goes on. A withdrawal goes through all that any other goes through, and its line has ended ' +
    'when it has.',
  ...writes('transfer'),
  request: { headers: moneyHeaders, body: body(openPayoutRunBody, 'required') },
  responses: answersWith(payoutRun, 201, 'The run, with nothing paid yet', [
    'INVALID_AMOUNT',
    'INVALID_DESTINATION',
    'WALLET_NOT_FOUND',
    'ASSET_MISMATCH',
    'DESTINATION_NOT_ALLOWED',
    'BELOW_MINIMUM',
    'ASSET_PAUSED',
    'CHAIN_UNAVAILABLE',
  ]),
});

const readRoute = createRoute({
  method: 'get',
  path: '/v1/payout-runs/{id}',
  tags,
  summary: 'Read how far a payout run is',
  ...reads('read'),
  request: { params },
  responses: { 200: json(payoutRun, 'The run'), ...problems(['INVALID_REQUEST', 'NOT_FOUND']) },
});

const listRoute = createRoute({
  method: 'get',
  path: PAYOUT_RUNS_PATH,
  tags,
  summary: 'List payout runs, newest first',
  ...reads('read'),
  request: {
    query: z.strictObject({ ...pageQuery, status: z.enum(PAYOUT_RUN_STATUSES).optional() }),
  },
  responses: { 200: json(payoutRunPage, 'A page of runs'), ...problems(['INVALID_REQUEST']) },
});

const linesRoute = createRoute({
  method: 'get',
  path: '/v1/payout-runs/{id}/lines',
  tags,
  summary: "List a payout run's lines, in their order",
  ...reads('read'),
  request: {
    params,
    query: z.strictObject({ ...pageQuery, status: z.enum(PAYOUT_LINE_STATUSES).optional() }),
  },
  responses: {
    200: json(payoutLinePage, 'A page of lines'),
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

const timelineRoute = createRoute({
  method: 'get',
  path: '/v1/payout-runs/{id}/timeline',
  tags,
  summary: 'What happened to a payout run, in order, by whom and why',
  ...reads('read'),
  request: { params },
  responses: {
    200: json(timelinePage, 'The whole timeline'),
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

const cancelRoute = createRoute({
  method: 'post',
  path: '/v1/payout-runs/{id}/cancel',
  tags,
  summary: 'Pay nothing more of a run; what is paid stays',
  description:
    'Withdrawals that are not being signed are given back. With others under way the run is ' +
    'CANCELLING until these have come to their own end.',
  ...writes('transfer'),
  request: { params, headers: moneyHeaders, body: body(reasonBody, 'required') },
  responses: answersWith(payoutRun, 200, 'The run, ended', ['NOT_FOUND', 'GROUP_NOT_OPEN']),
});

function resourceOf({ gateway }: ApiDeps, run: PayoutRun) {
  return { ...run, workflowId: run.id, links: { temporalUi: gateway.uiLink(run.id) } };
}

/** Counts the outcome; hands on the run, throws everything else. */
function runOf(
  c: ApiContext,
  deps: ApiDeps,
  verb: string,
  runId: string,
  outcome: PayoutOutcome | OpenedPayoutRun,
): PayoutRun {
  deps.metrics.outcomes.inc({ verb, code: payoutWord(outcome) });
  if (outcome.outcome !== 'done') throw payoutProblem(outcome, runId);
  if (outcome.replayed) c.header('Idempotency-Replayed', 'true');
  return outcome.run;
}

async function findRun({ db }: ApiDeps, id: string): Promise<PayoutRun> {
  const run = await readPayoutRun(db, id);
  if (run !== null) return run;
  throw new Problem('NOT_FOUND', `There is no payout run ${id}.`);
}

function writeRuns(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(openRoute, async (c) => {
    const caller = c.get('caller');
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const asked = c.req.valid('json');
    const { wallet, expiresIn = null, reference = null, metadata } = asked;
    const { client } = caller;
    const runId = payoutRunId(client, key);
    const { stepKey, actor } = stepOf(caller, 'create', runId, key);
    const rest = { runId, stepKey, actor, client, wallet, expiresIn, reference, metadata };
    const sent = { ...rest, lines: linesAsSent(asked) };
    // As for other starts: what was answered before is not judged by what is there now.
    const before = await replayPayoutRun(deps.db, sent);
    const isAgain = before !== null && before.outcome !== 'key_reused';
    const input = isAgain ? sent : { ...rest, lines: await payoutLines(deps, asked) };
    const outcome = await deps.gateway.openPayoutRun(input, waitMsOf(Prefer));
    const run = runOf(c, deps, 'payoutRun', runId, outcome);
    if ('begun' in outcome && outcome.begun) return c.json(resourceOf(deps, run), 201);
    c.header('Location', `${PAYOUT_RUNS_PATH}/${encodeURIComponent(runId)}`);
    return c.json(resourceOf(deps, run), 202);
  });
  app.openapi(cancelRoute, async (c) => {
    const caller = c.get('caller');
    const { id: runId } = c.req.valid('param');
    const { 'Idempotency-Key': key } = c.req.valid('header');
    const { stepKey, actor } = stepOf(caller, 'cancel', runId, key);
    const input = { runId, stepKey, actor, reason: c.req.valid('json').reason };
    // The ledger alone decides, so a list can be stopped while Temporal is away; its saga sees it.
    const outcome = await cancelPayoutRun(deps.db, input);
    const run = runOf(c, deps, 'cancelPayoutRun', runId, outcome);
    // A run that waits for its withdrawals would look half a minute later.
    if (run.lines.held + run.lines.released > 0) await deps.gateway.wake(runId, 'ledgerChanged');
    return c.json(resourceOf(deps, run), 200);
  });
}

/** Payout runs: lists of payments, each line a transfer of its own. */
export function payoutRunRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { db } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  writeRuns(app, deps);
  app.openapi(readRoute, async (c) => {
    const run = await findRun(deps, c.req.valid('param').id);
    return c.json(resourceOf(deps, run), 200);
  });
  app.openapi(listRoute, async (c) => {
    const { limit, cursor, status } = c.req.valid('query');
    const page = await listPayoutRuns(db, { status }, { limit, cursor });
    const data = page.data.map((run) => resourceOf(deps, run));
    return c.json({ data, nextCursor: page.nextCursor }, 200);
  });
  app.openapi(timelineRoute, async (c) => {
    const { id } = c.req.valid('param');
    await findRun(deps, id);
    return c.json({ data: await readPayoutTimeline(db, id), nextCursor: null }, 200);
  });
  app.openapi(linesRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { limit, cursor, status } = c.req.valid('query');
    await findRun(deps, id);
    return c.json(await listPayoutLines(db, id, { status }, { limit, cursor }), 200);
  });
  return app;
}

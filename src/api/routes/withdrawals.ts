import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { ProblemCode } from '../../contracts/codes.ts';
import { groupId } from '../../contracts/ids.ts';
import type { OpenWithdrawalInput } from '../../contracts/steps.ts';
import { hasCustodian } from '../../ledger/custodians.ts';
import { readGroup } from '../../ledger/groups.ts';
import { canonicalDestination } from '../canonicalDestination.ts';
import type { ApiDeps, ApiEnv, Caller } from '../context.ts';
import { moneyAnswers, moneyHeaders } from '../idempotency.ts';
import { checkGroupAmount, checkWallet } from '../legRules.ts';
import { waitMsOf } from '../prefer.ts';
import { Problem } from '../problem.ts';
import { body, writes } from '../routing.ts';
import { idParam } from '../schemas/text.ts';
import {
  createWithdrawalBody,
  finalizeWithdrawalBody,
  releaseWithdrawalBody,
} from '../schemas/withdrawal.ts';
import { actOnSaga, type Judged, NOT_BOUND_YET, sendStep, startSaga, stepOf } from '../steps.ts';
import type { AssetFacts, WalletFacts } from '../walletCatalog.ts';

type Asked = z.output<typeof createWithdrawalBody>;
type Saga = 'withdrawal' | 'chainWithdrawal' | 'custodialWithdrawal';

const tags = ['Withdrawals'];
const params = z.object({ id: idParam('id', 'withdrawal:shop:order-4711') });

const ACT_CODES: ProblemCode[] = [
  'GROUP_NOT_FOUND',
  'GROUP_NOT_OPEN',
  'WRONG_KIND',
  'INVALID_AMOUNT',
  'AMOUNT_EXCEEDS_HELD',
  'MAY_BE_ON_CHAIN',
  'NOT_ACCEPTED_IN_TIME',
];

const createWithdrawalRoute = createRoute({
  method: 'post',
  path: '/v1/withdrawals',
  tags,
  summary: 'Hold money and send it out',
  description:
    'On a chain it is signed, sent and followed; a chainless one waits for finalize or release. ' +
    '`amount` is what arrives; the fee of the asset is held beside it.',
  ...writes('transfer'),
  request: { headers: moneyHeaders, body: body(createWithdrawalBody, 'required') },
  responses: moneyAnswers(201, 'The withdrawal, held', [
    'INVALID_AMOUNT',
    'INVALID_DESTINATION',
    'WALLET_NOT_FOUND',
    'WALLET_NOT_OPEN',
    'ASSET_PAUSED',
    'INSUFFICIENT_FUNDS',
    'LIMIT_EXCEEDED',
    'BELOW_MINIMUM',
    'DESTINATION_NOT_ALLOWED',
    'NOT_ACCEPTED_IN_TIME',
    'CHAIN_UNAVAILABLE',
  ]),
});

const finalizeRoute = createRoute({
  method: 'post',
  path: '/v1/withdrawals/{id}/finalize',
  tags,
  summary: 'Say that a chainless withdrawal arrived, all of it or part',
  description: '`final` is false when an amount is given, true when not.',
  ...writes('operate'),
  request: { params, headers: moneyHeaders, body: body(finalizeWithdrawalBody, 'optional') },
  responses: moneyAnswers(200, 'The withdrawal', [...ACT_CODES, 'CHAIN_DECIDES']),
});

const releaseRoute = createRoute({
  method: 'post',
  path: '/v1/withdrawals/{id}/release',
  tags,
  summary: 'Give back what a withdrawal holds, all of it or part',
  description: 'Refused from the moment on when bytes may have left the process.',
  ...writes('transfer', 'operate'),
  request: { params, headers: moneyHeaders, body: body(releaseWithdrawalBody, 'required') },
  responses: moneyAnswers(200, 'The withdrawal', ACT_CODES),
});

/** The customer can pay the network's fee only in the coin that the network takes. */
function refuseFeeMode(facts: WalletFacts | null, { feeMode, maxFee }: Asked): void {
  const isNative = facts === null || (facts.chain !== null && facts.contract === null);
  const refuse = (pointer: string, detail: string): never => {
    throw new Problem('INVALID_REQUEST', detail, { errors: [{ pointer, detail }] });
  };
  if (feeMode === 'customer' && !isNative) {
    refuse('/feeMode', 'Only withdrawals of the native coin of a chain take feeMode customer.');
  }
  if (feeMode === 'customer' && maxFee == null) {
    refuse('/maxFee', 'With feeMode customer it says how much of the network’s fee is held.');
  }
  if (feeMode === 'platform' && maxFee != null) {
    refuse('/maxFee', 'A highest fee goes with feeMode customer; else the platform pays.');
  }
}

/** Who pays: the chain's saga, a custodian's, or somebody outside who tells. */
async function sagaOf({ db }: ApiDeps, facts: AssetFacts | null): Promise<Saga> {
  if (facts === null) return 'withdrawal';
  if (facts.chain !== null) return 'chainWithdrawal';
  return (await hasCustodian(db, facts.asset)) ? 'custodialWithdrawal' : 'withdrawal';
}

function createWithdrawal(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(createWithdrawalRoute, async (c) => {
    const caller = c.get('caller');
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const asked = c.req.valid('json');
    const waitMs = waitMsOf(Prefer);
    const input = {
      ...stepOf(caller, 'create', groupId('withdrawal', caller.client, key), key),
      client: caller.client,
      wallet: asked.wallet,
      amount: asked.amount,
      destination: asked.destination,
      feeMode: asked.feeMode,
      maxFee: asked.maxFee ?? null,
      riskMeta: asked.riskMeta ?? null,
      expiresIn: asked.expiresIn ?? null,
      metadata: asked.metadata,
      ...NOT_BOUND_YET,
    };
    const sent = { type: 'withdrawal' as Saga, input };
    const answer = await startSaga(deps, sent, waitMs, () => judge(deps, caller, asked, input));
    return sendStep(c, deps, answer, 201);
  });
}

/** Refuses what the wallet's asset does not take, and says who pays, and where to. */
async function judge(
  deps: ApiDeps,
  caller: Caller,
  asked: Asked,
  input: OpenWithdrawalInput,
): Promise<Judged<Saga>> {
  const { wallet, amount, maxFee } = asked;
  const facts = await checkWallet(deps.wallets, caller, wallet, { amount, maxFee });
  refuseFeeMode(facts, asked);
  const destination = await canonicalDestination(deps, facts, asked.destination, '/destination');
  return {
    type: await sagaOf(deps, facts),
    input: { ...input, destination },
    assets: facts ? [facts.asset] : [],
  };
}

/** Creation and acts; withdrawals are read where all groups are, under `/v1/transfers`. */
export function withdrawalRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const { db, wallets } = deps;
  const app = new OpenAPIHono<ApiEnv>();
  createWithdrawal(app, deps);
  app.openapi(finalizeRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const { txid, amount, final } = c.req.valid('json');
    if (amount !== undefined) {
      await checkGroupAmount(wallets, (await readGroup(db, id))?.legs ?? [], amount);
    }
    const input = {
      ...stepOf(c.get('caller'), 'finalize', id, key),
      txid: txid ?? null,
      amount: amount ?? null,
      final: final ?? amount === undefined,
    };
    return sendStep(c, deps, await actOnSaga(deps, 'finalize', input, waitMsOf(Prefer)), 200);
  });
  app.openapi(releaseRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const { reason, amount, final } = c.req.valid('json');
    if (amount !== undefined) {
      await checkGroupAmount(wallets, (await readGroup(db, id))?.legs ?? [], amount);
    }
    const input = {
      ...stepOf(c.get('caller'), 'release', id, key),
      reason,
      amount: amount ?? null,
      final: final ?? amount === undefined,
    };
    const answer = await actOnSaga(deps, 'releaseWithdrawal', input, waitMsOf(Prefer));
    return sendStep(c, deps, answer, 200);
  });
  return app;
}

import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Amount } from '../../contracts/resources.ts';
import type { StepInput } from '../../contracts/steps.ts';
import { readGroup } from '../../ledger/groups.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { acceptedAnswers, moneyHeaders } from '../idempotency.ts';
import { refuseNetworkFee } from '../networkFee.ts';
import { waitMsOf } from '../prefer.ts';
import { body, writes } from '../routing.ts';
import { idParam } from '../schemas/text.ts';
import { replaceAttemptBody } from '../schemas/withdrawal.ts';
import { actOnSaga, sendAccepted, stepOf } from '../steps.ts';

const shape = {
  method: 'post' as const,
  tags: ['Withdrawals'],
  ...writes('operate'),
  request: {
    params: z.object({ id: idParam('id', 'withdrawal:shop:order-4711') }),
    headers: moneyHeaders,
    body: body(replaceAttemptBody, 'optional'),
  },
  responses: acceptedAnswers([
    'GROUP_NOT_FOUND',
    'GROUP_NOT_OPEN',
    'WRONG_KIND',
    'CHAIN_DECIDES',
    'INVALID_AMOUNT',
    'NOT_ACCEPTED_IN_TIME',
  ]),
};

const speedUpRoute = createRoute({
  ...shape,
  path: '/v1/withdrawals/{id}/speed-up',
  summary: 'Pay with a higher fee where no block takes the payment',
  description:
    'The same payment again on the same nonce, at least an eighth dearer, up to `maxFee` and to ' +
    'what is configured. All attempts are watched; a block takes at most one of them.',
});

const cancelRoute = createRoute({
  ...shape,
  path: '/v1/withdrawals/{id}/cancel-on-chain',
  operationId: 'cancelWithdrawalOnChain',
  summary: 'Try to take back a payment that no block takes',
  description:
    'A transfer of nothing on the same nonce. Where a block takes it, the withdrawal is released ' +
    'once that is final; where a block takes the payment first, it was paid.',
});

/** The two acts on a payment that is on its way. What comes of them the chain says later: 202. */
export function replacementRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const act = async (
    verb: 'speedUp' | 'cancelOnChain',
    step: StepInput,
    maxFee: Amount | null,
    prefer: string | undefined,
  ) => {
    const input = { ...step, maxFee };
    const judge = async () => {
      const asset = maxFee && (await readGroup(deps.db, step.groupId))?.legs[0]?.asset;
      if (asset) await refuseNetworkFee(deps, await deps.wallets.asset(asset), maxFee);
      return input;
    };
    return await actOnSaga(deps, verb, input, waitMsOf(prefer), { judge });
  };
  app.openapi(speedUpRoute, async (c) => {
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const step = stepOf(c.get('caller'), 'speedUp', c.req.valid('param').id, key);
    const { maxFee = null } = c.req.valid('json');
    return sendAccepted(c, deps, await act('speedUp', step, maxFee, Prefer));
  });
  app.openapi(cancelRoute, async (c) => {
    const { 'Idempotency-Key': key, Prefer } = c.req.valid('header');
    const step = stepOf(c.get('caller'), 'cancelOnChain', c.req.valid('param').id, key);
    const { maxFee = null } = c.req.valid('json');
    return sendAccepted(c, deps, await act('cancelOnChain', step, maxFee, Prefer));
  });
  return app;
}

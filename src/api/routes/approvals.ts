import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { StepInput, StepOutcome } from '../../contracts/steps.ts';
import type { Db } from '../../db/pool.ts';
import { approve } from '../../ledger/approve.ts';
import { reject } from '../../ledger/reject.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { moneyAnswers, moneyHeaders } from '../idempotency.ts';
import { body, writes } from '../routing.ts';
import { reasonBody } from '../schemas/group.ts';
import { idParam } from '../schemas/text.ts';
import { decideInLedger, sendStep, stepOf } from '../steps.ts';

const params = z.object({ id: idParam('id', 'withdrawal:shop:order-4711') });

const shape = {
  method: 'post' as const,
  tags: ['Withdrawals'],
  ...writes('operate'),
  request: { params, headers: moneyHeaders, body: body(reasonBody, 'required') },
  responses: moneyAnswers(200, 'The withdrawal', [
    'GROUP_NOT_FOUND',
    'GROUP_NOT_OPEN',
    'WRONG_KIND',
    'MAY_BE_ON_CHAIN',
    'DESTINATION_NOT_ALLOWED',
  ]),
};

const approveRoute = createRoute({
  ...shape,
  path: '/v1/withdrawals/{id}/approve',
  summary: 'Say yes to a withdrawal that waits for approval',
  description:
    'The client that asked for the withdrawal cannot approve it, and a client approves once. It ' +
    'goes on when as many clients have as `approval.needed` says; where no rule asks for any, a ' +
    'yes is noted and changes nothing.',
});

const rejectRoute = createRoute({
  ...shape,
  path: '/v1/withdrawals/{id}/reject',
  summary: 'Refuse a withdrawal that nobody has begun to pay; its money is given back',
});

type Said = StepInput & { reason: string };

/**
 * Approve and reject. Written to the ledger here and not by the saga: what a workflow is told can
 * be typed by anybody at the Temporal UI, and this has to come from an authenticated client. The
 * saga is only woken, also by a repetition: the first hint may have been lost.
 */
export function approvalRoutes(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const decide = async (
    verb: 'approve' | 'reject',
    write: (db: Db, input: Said) => Promise<StepOutcome>,
    input: Said,
  ) => {
    const answer = await decideInLedger(deps, verb, input, () => write(deps.db, input));
    await deps.gateway.wake(input.groupId);
    return answer;
  };
  app.openapi(approveRoute, async (c) => {
    const { 'Idempotency-Key': key } = c.req.valid('header');
    const step = stepOf(c.get('caller'), 'approve', c.req.valid('param').id, key);
    const answer = await decide('approve', approve, { ...step, ...c.req.valid('json') });
    return sendStep(c, deps, answer, 200);
  });
  app.openapi(rejectRoute, async (c) => {
    const { 'Idempotency-Key': key } = c.req.valid('header');
    const step = stepOf(c.get('caller'), 'reject', c.req.valid('param').id, key);
    const answer = await decide('reject', reject, { ...step, ...c.req.valid('json') });
    return sendStep(c, deps, answer, 200);
  });
  return app;
}

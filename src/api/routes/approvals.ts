import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Group } from '../../contracts/resources.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { findGroup } from '../groupResource.ts';
import { moneyAnswers, moneyHeaders } from '../idempotency.ts';
import { Problem } from '../problem.ts';
import { body, writes } from '../routing.ts';
import { reasonBody } from '../schemas/group.ts';
import { idParam } from '../schemas/text.ts';

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
  ]),
};

const approveRoute = createRoute({
  ...shape,
  path: '/v1/withdrawals/{id}/approve',
  summary: 'Let a withdrawal go that waits for approval',
  description: 'The client that asked for the withdrawal cannot approve it.',
});

const rejectRoute = createRoute({
  ...shape,
  path: '/v1/withdrawals/{id}/reject',
  summary: 'Refuse a withdrawal that waits for approval',
});

/** Before signing nothing has left; in these states nobody is asked either. */
const BEFORE_SIGNING: ReadonlySet<string> = new Set(['requested', 'held', 'awaiting_funds']);

/**
 * Nothing puts a withdrawal into `awaiting_approval` yet, since there is no approval policy; so
 * each request meets a group that waits for nobody's word, and this tells it which one.
 */
function refuseApproval(group: Group, chainBound: boolean): never {
  if (group.withdrawal === undefined) {
    throw new Problem('WRONG_KIND', `${group.id} is a ${group.kind}, not a withdrawal.`);
  }
  if (group.status !== 'IN_PROGRESS') {
    throw new Problem('GROUP_NOT_OPEN', `The withdrawal is ${group.status} already.`);
  }
  const { state } = group.withdrawal;
  if (chainBound && !BEFORE_SIGNING.has(state)) {
    throw new Problem('MAY_BE_ON_CHAIN', `The withdrawal is ${state}: its bytes may have left.`);
  }
  throw new Problem('WRONG_KIND', `The withdrawal is ${state} and waits for no approval.`);
}

/** Approve and reject, for withdrawals that wait for a second person. */
export function approvalRoutes({ db, gateway, wallets }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const refuse = async (id: string): Promise<never> => {
    const group = await findGroup(db, gateway, id);
    const asset = group.legs[0]?.asset;
    const facts = asset === undefined ? null : await wallets.asset(asset);
    return refuseApproval(group, facts !== null && facts.chain !== null);
  };
  app.openapi(approveRoute, async (c) => {
    const { id } = c.req.valid('param');
    const { client } = c.get('caller');
    if (id.startsWith(`withdrawal:${client}:`)) {
      throw new Problem('FORBIDDEN', `${client} asked for this withdrawal: another must approve.`);
    }
    return refuse(id);
  });
  app.openapi(rejectRoute, (c) => refuse(c.req.valid('param').id));
  return app;
}

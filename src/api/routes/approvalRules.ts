import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import {
  deleteApprovalRule,
  listApprovalRules,
  putApprovalRule,
  readApprovalRule,
} from '../../ledger/approvalRules.ts';
import type { ApiDeps, ApiEnv } from '../context.ts';
import { refuseScales } from '../legRules.ts';
import { Problem, problemOfRefusal } from '../problem.ts';
import { body, json, reads, writes } from '../routing.ts';
import {
  approvalRule,
  approvalRuleId,
  approvalRulePage,
  putApprovalRuleBody,
} from '../schemas/approvalRule.ts';
import { pageQuery } from '../schemas/page.ts';
import { BODY_CODES, problems } from '../schemas/problem.ts';
import { idParam } from '../schemas/text.ts';

const tags = ['Approval rules'];
const params = z.object({ id: idParam('id', 'large-usdc') });

const putRuleRoute = createRoute({
  method: 'put',
  path: '/v1/approval-rules/{id}',
  tags,
  summary: 'Say from which amount on withdrawals need approvals',
  description:
    'Of several rules that fit a withdrawal, the one that asks for most counts. A change touches ' +
    'withdrawals that are asked for later.',
  ...writes('admin'),
  request: {
    params: z.object({ id: approvalRuleId }),
    body: body(putApprovalRuleBody, 'required'),
  },
  responses: {
    200: json(approvalRule, 'The rule'),
    ...problems([...BODY_CODES, 'INVALID_AMOUNT', 'ASSET_NOT_FOUND']),
  },
});

const readRuleRoute = createRoute({
  method: 'get',
  path: '/v1/approval-rules/{id}',
  tags,
  summary: 'Read an approval rule',
  ...reads('read'),
  request: { params },
  responses: {
    200: json(approvalRule, 'The rule'),
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

const listRulesRoute = createRoute({
  method: 'get',
  path: '/v1/approval-rules',
  tags,
  summary: 'List approval rules, by id',
  ...reads('read'),
  request: { query: z.strictObject(pageQuery) },
  responses: { 200: json(approvalRulePage, 'A page of rules'), ...problems(['INVALID_REQUEST']) },
});

const deleteRuleRoute = createRoute({
  method: 'delete',
  path: '/v1/approval-rules/{id}',
  tags,
  summary: 'Take an approval rule away',
  ...reads('admin'),
  request: { params },
  responses: {
    204: { description: 'It is gone' },
    ...problems(['INVALID_REQUEST', 'NOT_FOUND']),
  },
});

/** Which withdrawals need how many approvals. */
export function approvalRuleRoutes({ db, wallets }: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>();
  const notFound = (id: string) => new Problem('NOT_FOUND', `There is no approval rule ${id}.`);
  app.openapi(putRuleRoute, async (c) => {
    const { asset, owner, walletKind, from, approvals } = c.req.valid('json');
    if (from != null) {
      const facts = await wallets.asset(asset);
      refuseScales([{ pointer: '/from', amount: from, facts }]);
    }
    const put = await putApprovalRule(db, {
      id: c.req.valid('param').id,
      asset,
      owner: owner ?? null,
      walletKind: walletKind ?? null,
      from: from ?? '0',
      approvals,
    });
    if ('refusal' in put) throw problemOfRefusal(put.refusal);
    return c.json(put.rule, 200);
  });
  app.openapi(readRuleRoute, async (c) => {
    const { id } = c.req.valid('param');
    const found = await readApprovalRule(db, id);
    if (found === null) throw notFound(id);
    return c.json(found, 200);
  });
  app.openapi(listRulesRoute, async (c) =>
    c.json(await listApprovalRules(db, c.req.valid('query')), 200),
  );
  app.openapi(deleteRuleRoute, async (c) => {
    const { id } = c.req.valid('param');
    if (!(await deleteApprovalRule(db, id))) throw notFound(id);
    return c.body(null, 204);
  });
  return app;
}

/** The OpenAPI document against the specification, and against the calls of the HTTP contract. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { beforeAll, describe, expect, test } from 'vitest';
import { callsOf, type Paths, readDocument } from './document.ts';

interface Operation {
  summary?: string;
  tags?: string[];
  security?: Record<string, string[]>[];
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { required?: boolean; content: Record<string, { schema: object }> };
  responses: Record<string, { content?: Record<string, { schema: object }> }>;
}

interface Reference {
  $ref?: string;
}

interface Document extends Paths<Operation> {
  components: { schemas: Record<string, { properties?: Record<string, { type?: unknown }> }> };
}

/** Every call of the contract that this version answers, with its successes. */
const CALLS: Record<string, number[]> = {
  'POST /v1/api-keys': [201],
  'GET /v1/api-keys': [200],
  'DELETE /v1/api-keys/{id}': [204],
  'POST /v1/assets': [200, 201],
  'GET /v1/assets': [200],
  'GET /v1/assets/{code}': [200],
  'PATCH /v1/assets/{code}': [200],
  'PUT /v1/limits/{id}': [200],
  'GET /v1/limits/{id}': [200],
  'GET /v1/limits': [200],
  'DELETE /v1/limits/{id}': [204],
  'PUT /v1/open-limits/{id}': [200],
  'GET /v1/open-limits/{id}': [200],
  'GET /v1/open-limits': [200],
  'DELETE /v1/open-limits/{id}': [204],
  'PUT /v1/treasury-rules/{asset}': [200],
  'GET /v1/treasury-rules/{asset}': [200],
  'GET /v1/treasury-rules': [200],
  'DELETE /v1/treasury-rules/{asset}': [204],
  'PUT /v1/finality-rules/{id}': [200],
  'GET /v1/finality-rules/{id}': [200],
  'GET /v1/finality-rules': [200],
  'DELETE /v1/finality-rules/{id}': [204],
  'PUT /v1/approval-rules/{id}': [200],
  'GET /v1/approval-rules/{id}': [200],
  'GET /v1/approval-rules': [200],
  'DELETE /v1/approval-rules/{id}': [204],
  'PUT /v1/destination-rules/{id}': [200],
  'GET /v1/destination-rules/{id}': [200],
  'GET /v1/destination-rules': [200],
  'DELETE /v1/destination-rules/{id}': [204],
  'POST /v1/destinations': [200, 201],
  'GET /v1/destinations': [200],
  'DELETE /v1/destinations': [204],
  'DELETE /v1/destinations/{id}': [204],
  'POST /v1/wallets': [200, 201],
  'GET /v1/wallets': [200],
  'GET /v1/wallets/{id}': [200],
  'GET /v1/wallets/{id}/balance': [200],
  'GET /v1/wallets/{id}/entries': [200],
  'POST /v1/wallets/{id}/freeze': [200],
  'POST /v1/wallets/{id}/unfreeze': [200],
  'POST /v1/wallets/{id}/close': [200],
  'POST /v1/transfers': [201, 202],
  'GET /v1/transfers': [200],
  'GET /v1/transfers/{id}': [200],
  'GET /v1/transfers/{id}/entries': [200],
  'GET /v1/transfers/{id}/timeline': [200],
  'POST /v1/transfers/{id}/legs': [200, 202],
  'POST /v1/transfers/{id}/settle': [200, 202],
  'POST /v1/transfers/{id}/release': [200, 202],
  'POST /v1/transfers/{id}/cancel': [200, 202],
  'POST /v1/transfers/{id}/extend': [200, 202],
  'POST /v1/transfers/{id}/reverse': [201, 202],
  'POST /v1/payout-runs': [201, 202],
  'GET /v1/payout-runs': [200],
  'GET /v1/payout-runs/{id}': [200],
  'GET /v1/payout-runs/{id}/lines': [200],
  'GET /v1/payout-runs/{id}/timeline': [200],
  'POST /v1/payout-runs/{id}/cancel': [200, 202],
  'POST /v1/deposits': [200, 201, 202],
  'POST /v1/deposits/{id}/confirm': [200, 202],
  'POST /v1/deposits/{id}/cancel': [200, 202],
  'POST /v1/deposit-addresses': [200, 201],
  'GET /v1/deposit-addresses': [200],
  'GET /v1/unattributed': [200],
  'POST /v1/unattributed/{id}/assign': [201, 202],
  'POST /v1/withdrawals': [201, 202],
  'POST /v1/withdrawals/{id}/finalize': [200, 202],
  'POST /v1/withdrawals/{id}/release': [200, 202],
  'POST /v1/withdrawals/{id}/approve': [200, 202],
  'POST /v1/withdrawals/{id}/reject': [200, 202],
  'POST /v1/withdrawals/{id}/speed-up': [202],
  'POST /v1/withdrawals/{id}/cancel-on-chain': [202],
  'GET /v1/chains': [200],
  'POST /v1/chains/{chain}/rescan': [202],
  'POST /v1/chain-hooks/{source}': [202],
  'GET /v1/reconciliation': [200],
  'GET /health/live': [200],
  'GET /health/ready': [200],
  'GET /metrics': [200],
  'GET /openapi.json': [200],
  'GET /docs': [200],
};

/** POSTs that move or reserve no money, and so need no key. */
const WITHOUT_KEY =
  /api-keys|assets|chains|chain-hooks|deposit-addresses|destinations|\/v1\/wallets/;

let document: Document;
let operations: [string, Operation][];

beforeAll(async () => {
  document = await readDocument();
  operations = callsOf(document);
});

describe('the OpenAPI document', () => {
  test('is valid 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate({ ...structuredClone(document) });
    expect(errors).toBeUndefined();
    expect([valid, validator.version]).toEqual([true, '3.1']);
  });

  test('bounds what a request may hold, also where it may be null', () => {
    const bound = ['pattern', 'minLength', 'enum', 'minimum', 'format'];
    const loose = operations.flatMap(([name, { requestBody }]) => {
      const { $ref = '' } = (requestBody?.content['application/json']?.schema ?? {}) as Reference;
      const { properties = {} } = document.components.schemas[$ref.split('/').at(-1) ?? ''] ?? {};
      return Object.entries(properties)
        .filter(([, { type }]) => /string|integer/.test(String(type)))
        .filter(([, property]) => !bound.some((word) => word in property))
        .map(([property]) => `${name} ${property}`);
    });
    expect(loose).toEqual([]);
  });

  test('names every call of the contract with its successes, and no other', () => {
    const successes = operations.map(([name, { responses }]) => [
      name,
      Object.keys(responses)
        .map(Number)
        .filter((status) => status < 300),
    ]);
    expect(Object.fromEntries(successes)).toEqual(CALLS);
  });

  test('says of each call what it does, who may, and how it can fail', () => {
    for (const [name, operation] of operations) {
      expect([name, operation.summary?.length ?? 0]).not.toEqual([name, 0]);
      expect([name, operation.tags?.length]).toEqual([name, 1]);
      if (!name.includes('/v1/') || name.includes('/chain-hooks/')) continue;
      // Requirements stand for one another; scopes within one are all needed.
      const needed = operation.security?.map(({ apiKey }) => apiKey?.length) ?? [];
      expect(new Set(needed), name).toEqual(new Set([1]));
      const problems = Object.entries(operation.responses).filter(([status]) => status >= '400');
      expect(problems.map(([status]) => status)).toEqual(
        expect.arrayContaining(['401', '403', '500', '503']),
      );
      for (const [, { content }] of problems) {
        expect(content).toEqual({
          'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
        });
      }
    }
  });

  test('asks for a key on every POST that moves or reserves money, and offers a wait', () => {
    for (const [name, { parameters = [], responses }] of operations) {
      if (!name.startsWith('POST')) continue;
      const header = (wanted: string) => parameters.find((each) => each.name === wanted);
      const isMoney = !WITHOUT_KEY.test(name);
      expect([name, header('Idempotency-Key')?.required]).toEqual([name, isMoney || undefined]);
      expect([name, header('Prefer')?.required]).toEqual([name, isMoney ? false : undefined]);
      if (isMoney) expect(Object.keys(responses), name).toContain('422');
    }
  });

  test('says of every path parameter that it is one', () => {
    for (const [name, { parameters = [] }] of operations) {
      const named = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      const described = parameters.filter((each) => each.in === 'path').map((each) => each.name);
      expect([name, described]).toEqual([name, named]);
    }
  });

  test('has no schema that says nothing', () => {
    const holes: string[] = [];
    const visit = (node: unknown, path: string): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [key, value] of Object.entries(node)) {
        const isSchema = /\/(properties|schemas)$/.test(path) || ['schema', 'items'].includes(key);
        const says = ['type', '$ref', 'anyOf', 'oneOf', 'allOf', 'enum', 'const'];
        if (isSchema && !says.some((word) => Object.hasOwn(value, word)))
          holes.push(`${path}/${key}`);
        visit(value, `${path}/${key}`);
      }
    };
    visit(document.paths, '/paths');
    visit(document.components.schemas, '/schemas');
    expect(holes).toEqual([]);
  });
});

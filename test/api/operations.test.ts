import { Writable } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { createProbes } from '../../src/api/probes.ts';
import type { SagaGateway } from '../../src/contracts/sagas.ts';
import { createLog } from '../../src/observability/log.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { credit, debit, makeAsset, openWallet, pathOf } from './money.ts';
import { ADMIN_KEY, createTestApi, type TestApi } from './testApi.ts';

let api: TestApi;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
});

describe('GET /v1/reconciliation', () => {
  test('balances, also while a group is one-sided', async () => {
    await makeAsset(api, 'USD');
    await openWallet(api, 'a', 'USD', '10');
    const one = { legs: [debit('a', '4')], settle: 'manual' };
    const held = await api.admin.post('/v1/transfers', one);
    const { body } = await api.admin.get('/v1/reconciliation');
    expect(body).toEqual({
      balanced: true,
      assets: [{ asset: 'USD', settledSum: '0', holdSum: '-4', drift: '0' }],
      groups: { open: 1, unbalanced: 0 },
      chain: [],
    });
    await api.admin.post(pathOf(held, '/cancel'), { reason: 'done' });
    const { body: after } = await api.admin.get('/v1/reconciliation');
    expect(after.assets[0].holdSum).toBe('0');
    expect(after.groups.open).toBe(0);
  });
});

describe('GET /health', () => {
  test('is live and ready without a key', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      const { status, body } = await api.anonymous.get(path);
      expect([status, body]).toEqual([200, { status: 'ok' }]);
    }
  });
});

describe('a process without the API', () => {
  test('says what is missing, and that it answers nothing else', async () => {
    const log = createLog('silent');
    const gateway: SagaGateway = { ...api.gateway, ready: async () => false };
    const { metrics, db } = api;
    const probes = createProbes({ db: db.pool, gateway, chain: null, log, metrics });
    const answer = await probes.request('/health/ready');
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { code: 'UNAVAILABLE', missing: [{ component: 'temporal', detail: 'does not answer' }] },
    ]);
    expect((await probes.request('/health/live')).status).toBe(200);
    expect((await probes.request('/v1/wallets')).status).toBe(404);
  });
});

describe('GET /v1/chains', () => {
  test('is an empty list where no chain is followed', async () => {
    expect((await api.admin.get('/v1/chains')).body).toEqual({ data: [], nextCursor: null });
  });
});

describe('GET /metrics', () => {
  test('tells durations by route and status, and outcomes by code, without ids', async () => {
    await openWallet(api, 'm', 'USD', '1');
    const legs = [debit('m', '5'), credit('a', '5')];
    await api.admin.post('/v1/transfers', { legs });
    await api.admin.get('/v1/wallets/m');
    await api.admin.get('/v1/no/such/path');
    const { headers, body } = await api.anonymous.get('/metrics');
    expect(headers.get('content-type')).toContain('text/plain');
    const name = 'holdfast_http_request_duration_seconds_count';
    expect(body).toContain(`${name}{method="GET",route="/v1/wallets/:id",status="200"}`);
    expect(body).toContain(`${name}{method="GET",route="none",status="404"}`);
    const outcome = 'holdfast_step_outcomes_total{verb="transfer",code="INSUFFICIENT_FUNDS"}';
    expect(body).toContain(`${outcome} 1`);
    expect(body).not.toContain('/wallets/m');
  });

  test('tells the connections of a pool', async () => {
    const metrics = createMetrics();
    metrics.observePool('service', api.db.pool);
    const text = await metrics.registry.metrics();
    expect(text).toMatch(/holdfast_pool_connections\{pool="service",state="idle"\} \d/);
  });
});

describe('GET /docs', () => {
  test('loads nothing from elsewhere', async () => {
    const page = await api.anonymous.get('/docs');
    expect(page.headers.get('content-type')).toContain('text/html');
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toContain('http');
    const loaded = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url);
    expect(loaded).toHaveLength(4);
    expect(page.body).not.toMatch(/<script>|onload=/);
    for (const url of loaded) {
      expect(url).toMatch(/^docs\/[\w.-]+$/);
      const part = await api.anonymous.get(`/${url}`);
      expect(part.status).toBe(200);
      expect(part.body.length).toBeGreaterThan(100);
    }
    const start = await api.anonymous.get('/docs/start.js');
    expect(start.body).toContain("url: 'openapi.json'");
    expect(start.body).toContain('validatorUrl: null');
  });

  test('serves the files of the page and no others', async () => {
    for (const name of [
      'package.json',
      '..%2Fpackage.json',
      '%2e%2e%2fpackage.json',
      'index.html',
      'constructor',
      '__proto__',
    ]) {
      expect((await api.anonymous.get(`/docs/${name}`)).status).toBe(404);
    }
  });
});

describe('the log', () => {
  test('has a line a request, and neither keys nor bodies', async () => {
    const lines: string[] = [];
    const sink = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    });
    const app = createApp({
      db: api.db.pool,
      gateway: api.gateway,
      config: { adminKey: ADMIN_KEY },
      log: createLog('info', sink),
      metrics: createMetrics(),
    });
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
    await app.request('/v1/wallets/m?x=1', { headers });
    const body = JSON.stringify({ owner: 'a secret owner', asset: 'USD' });
    await app.request('/v1/wallets', { method: 'POST', headers, body });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      {
        level: 'info',
        method: 'GET',
        route: '/v1/wallets/:id',
        path: '/v1/wallets/m',
        status: 200,
      },
      { client: 'admin', method: 'POST', status: 201 },
    ]);
    expect(lines.join()).not.toContain(ADMIN_KEY);
    expect(lines.join()).not.toContain('a secret owner');
  });

  test('hides secrets in whatever is logged beside it', () => {
    const lines: string[] = [];
    const log = createLog('info', { write: (line) => void lines.push(line) });
    log.info({ headers: { authorization: 'Bearer x1' }, config: { adminKey: 'x2' }, key: 'x3' });
    expect(lines.join()).not.toMatch(/x1|x2|x3/);
  });
});

describe('an error that nobody expected', () => {
  test('is 500 without its words, and the log has them', async () => {
    const lines: string[] = [];
    const app = createApp({
      db: { query: () => Promise.reject(new Error('select secret from pg_class')) } as never,
      gateway: api.gateway,
      config: { adminKey: ADMIN_KEY },
      log: createLog('error', { write: (line) => void lines.push(line) }),
      metrics: createMetrics(),
    });
    const headers = { authorization: `Bearer ${ADMIN_KEY}` };
    const response = await app.request('/v1/wallets/a', { headers });
    const text = await response.text();
    expect([response.status, JSON.parse(text).code]).toEqual([500, 'INTERNAL_ERROR']);
    expect(text).not.toMatch(/secret|\.ts:|stack/);
    expect(text).toContain(response.headers.get('x-request-id') ?? 'none');
    expect(lines.join()).toContain('select secret from pg_class');
  });
});

/**
 * The API on a real database and, for money, real sagas. Every answer that a test sees is checked
 * against the OpenAPI document; a status, header or field that it lacks fails the test.
 */
import { randomUUID } from 'node:crypto';
import { type App, createApp } from '../../src/api/app.ts';
import type { ChainDoor } from '../../src/contracts/chain.ts';
import type { HookSources } from '../../src/contracts/hookSources.ts';
import type { SagaGateway } from '../../src/contracts/sagas.ts';
import type { Db } from '../../src/db/pool.ts';
import { createHookDoor } from '../../src/hooks/door.ts';
import { createLog } from '../../src/observability/log.ts';
import { createMetrics, type Metrics } from '../../src/observability/metrics.ts';
import type { Sagas } from '../../src/temporal/sagas.ts';
import { checkInput } from '../../workflows/actInputs.ts';
import { createTestDatabase, type TestDatabase } from '../support/testDatabase.ts';
import { Contract, type OpenApi } from './contract.ts';
import { startTestSagas } from './testSagas.ts';

export const ADMIN_KEY = 'the-administrators-key-of-the-tests';

/** An answer with its body read; `body` is loose, since tests say themselves what they expect. */
export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: each test expects the fields that it names.
  body: any;
}

interface Options {
  /** Idempotency-Key; a fresh one where a POST's is left out, none where it is null. */
  key?: string | null;
  prefer?: string;
  headers?: Record<string, string>;
}

/** One caller of the API. */
export interface TestClient {
  get(path: string, options?: Options): Promise<Answer>;
  post(path: string, body?: unknown, options?: Options): Promise<Answer>;
  put(path: string, body: unknown): Promise<Answer>;
  patch(path: string, body: unknown): Promise<Answer>;
  delete(path: string): Promise<Answer>;
  send(method: string, path: string, init?: RequestInit): Promise<Answer>;
}

export interface TestApi {
  app: App;
  db: TestDatabase;
  /** Where they were asked for. */
  sagas: Sagas | null;
  gateway: SagaGateway;
  metrics: Metrics;
  contract: Contract;
  admin: TestClient;
  anonymous: TestClient;
  /** A caller with a key of their own. */
  client(name: string, ...scopes: string[]): Promise<TestClient>;
  withKey(key: string): TestClient;
}

interface TestApiOptions {
  /** Sagas in place of the real ones, for what Temporal does not do on demand. */
  gateway?: SagaGateway;
  /** Real sagas: a worker and its gateway. */
  sagas?: boolean;
  /** A followed chain, and what the worker does on it. */
  chain?: { door: ChainDoor; activities: object };
  /** Who may send hooks. */
  hooks?: HookSources;
  /** One that is there; else a fresh one. */
  database?: TestDatabase;
}

/** A gateway for tests of what moves no money; it is as far away as a Temporal that is down. */
export const NO_SAGAS: SagaGateway = {
  start: () => Promise.reject(new Error('This test has no sagas')),
  act: () => Promise.reject(new Error('This test has no sagas')),
  openPayoutRun: () => Promise.reject(new Error('This test has no sagas')),
  wake: () => Promise.resolve(),
  ready: () => Promise.resolve(true),
  uiLink: (groupId) => `http://temporal.invalid/${encodeURIComponent(groupId)}`,
};

function clientOf(app: App, contract: Contract, key: string | null): TestClient {
  const send = async (method: string, path: string, init: RequestInit = {}): Promise<Answer> => {
    const headers = new Headers(init.headers);
    if (key !== null && !headers.has('authorization'))
      headers.set('authorization', `Bearer ${key}`);
    const response = await app.request(path, { ...init, method, headers });
    const [bare = ''] = path.split('?');
    const faults = await contract.faults(method, bare, response);
    if (response.ok && typeof init.body === 'string' && init.body !== '') {
      faults.push(...contract.requestFaults(method, bare, JSON.parse(init.body)));
    }
    if (faults.length > 0) throw new Error(`Not as described:\n${faults.join('\n')}`);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json');
    const body = isJson && text !== '' ? JSON.parse(text) : text;
    return { status: response.status, headers: response.headers, body };
  };
  const sendJson = (method: string, path: string, body: unknown, options: Options = {}) => {
    const headers = new Headers(options.headers);
    if (body !== undefined) headers.set('content-type', 'application/json');
    if (options.prefer !== undefined) headers.set('prefer', options.prefer);
    if (options.key !== null && method === 'POST') {
      headers.set('idempotency-key', options.key ?? randomUUID());
    }
    return send(method, path, {
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  };
  return {
    send,
    get: (path, options) => sendJson('GET', path, undefined, options),
    post: (path, body, options) => sendJson('POST', path, body, options),
    put: (path, body) => sendJson('PUT', path, body),
    patch: (path, body) => sendJson('PATCH', path, body),
    delete: (path) => sendJson('DELETE', path, undefined),
  };
}

function appWith(
  pool: Db,
  gateway: SagaGateway,
  chain: ChainDoor | null,
  metrics: Metrics,
  sources: HookSources = {},
): App {
  const log = createLog('silent');
  return createApp({
    db: pool,
    gateway,
    config: { adminKey: ADMIN_KEY },
    chain,
    hooks: createHookDoor({ db: pool, sources, log, registry: metrics.registry }),
    log,
    metrics,
  });
}

/**
 * A saga takes the input of every act. Where it would not, a caller with a head start mostly gets
 * the ledger's answer all the same, and only now and then the saga's refusal.
 */
function checkingActs(gateway: SagaGateway): SagaGateway {
  const act: SagaGateway['act'] = (update, input, waitMs) => {
    checkInput(update, JSON.parse(JSON.stringify(input)), input.groupId);
    return gateway.act(update, input, waitMs);
  };
  return new Proxy(gateway, {
    get: (behind, name) => (name === 'act' ? act : Reflect.get(behind, name)),
  });
}

async function contractOf(app: App): Promise<Contract> {
  return new Contract((await (await app.request('/openapi.json')).json()) as OpenApi);
}

/** An administrator at another process of the API, on the same database or on none. */
export async function adminOn({ pool }: { pool: Db }, gateway: SagaGateway): Promise<TestClient> {
  const app = appWith(pool, gateway, null, createMetrics());
  return clientOf(app, await contractOf(app), ADMIN_KEY);
}

/** The API on a database of its own; without sagas, unless they are asked for. */
export async function createTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const db = options.database ?? (await createTestDatabase());
  const metrics = createMetrics();
  const sagas = options.sagas ? await startTestSagas(db, options.chain?.activities) : null;
  const gateway = checkingActs(options.gateway ?? sagas?.gateway ?? NO_SAGAS);
  const app = appWith(db.pool, gateway, options.chain?.door ?? null, metrics, options.hooks);
  const contract = await contractOf(app);
  const withKey = (key: string) => clientOf(app, contract, key);
  const admin = withKey(ADMIN_KEY);
  return {
    app,
    db,
    sagas,
    gateway,
    metrics,
    contract,
    admin,
    anonymous: clientOf(app, contract, null),
    withKey,
    async client(name, ...scopes) {
      const { body } = await admin.post('/v1/api-keys', { name, scopes }, { key: null });
      return withKey(body.key);
    },
  };
}

/** Scenarios on the HTTP API with real workflows; each answer is checked against its document. */
import { randomUUID } from 'node:crypto';
import { beforeAll } from 'vitest';
import type { Group } from '../../src/contracts/resources.ts';
import type { SagaGateway } from '../../src/contracts/sagas.ts';
import type { Sagas } from '../../src/temporal/sagas.ts';
import { type Answer, createTestApi, type TestApi, type TestClient } from '../api/testApi.ts';
import { startTestSagas } from '../api/testSagas.ts';
import type { Driver, Hold, Part, Result } from './driver.ts';

/** What stands behind the driver once the file's first hook has run. */
interface Place {
  api?: TestApi;
  sagas?: Sagas;
  clients: Map<string, Promise<TestClient>>;
}

/** May do what a shop and its bank do; not what belongs to an administrator. */
const SCOPES = ['read', 'transfer', 'operate'];
/** Twenty-five requests at once on two cores take their time; none may end as 202. */
const PATIENCE = 'wait=30';

/** A driver whose database, API and worker are made before the first test of the file. */
export function onApi(): ApiDriver {
  const place: Place = { clients: new Map() };
  beforeAll(async () => {
    const sagas = () => {
      if (!place.sagas) throw new Error('The sagas start before the first test');
      return place.sagas.gateway;
    };
    const gateway: SagaGateway = {
      start: (...args) => sagas().start(...args),
      act: (update, input, waitMs) => sagas().act(update, input, waitMs),
      openPayoutRun: (input, waitMs) => sagas().openPayoutRun(input, waitMs),
      describe: async (id) => (await sagas().describe?.(id)) ?? null,
      wake: (id) => sagas().wake(id),
      ready: () => sagas().ready(),
      uiLink: (id) => sagas().uiLink(id),
    };
    place.api = await createTestApi({ gateway });
    place.sagas = await startTestSagas(place.api.db);
  });
  return new ApiDriver(place, 'shop');
}

/** Reads an answer about a group in the words that both levels share. */
function resultOf({ status, headers, body }: Answer): Result {
  if (status === 202) throw new Error(`${body.id} has no outcome yet`);
  if (status >= 500) throw new Error(`${status} ${body.code}: ${body.detail}`);
  const replayed = headers.get('idempotency-replayed') === 'true';
  if (status < 300) {
    return { outcome: 'done', replayed, group: groupOf(body), detail: '', fields: [] };
  }
  const fields = (body.errors ?? []).map(({ pointer }: { pointer: string }) => pointer);
  return { outcome: body.code, replayed, group: null, detail: body.detail, fields };
}

/** A group without its links, which no promise is about. */
function groupOf({ links: _links, ...group }: Group & { links: object }): Group {
  return group;
}

export class ApiDriver implements Driver {
  readonly level = 'api';
  readonly #place: Place;
  readonly #client: string;

  constructor(place: Place, client: string) {
    this.#place = place;
    this.#client = client;
  }

  get api(): TestApi {
    if (!this.#place.api) throw new Error('The API is made before the first test');
    return this.#place.api;
  }

  /** The worker's connection to Temporal. */
  get temporal(): Sagas['client'] {
    if (!this.#place.sagas) throw new Error('The sagas start before the first test');
    return this.#place.sagas.client;
  }

  get db() {
    return this.api.db;
  }

  /**
   * From here on the API talks to a Temporal that never heard of the workflows up to now, which is
   * how it looks after their retention; deleting them takes a server most of a minute.
   */
  async forgetWorkflows(): Promise<void> {
    this.#place.sagas = await startTestSagas(this.db);
  }

  as(client: string): ApiDriver {
    return new ApiDriver(this.#place, client);
  }

  asAdmin(): ApiDriver {
    return this.as('admin');
  }

  /** Who asks; a key of their own is made when they first do. */
  http(): Promise<TestClient> {
    if (this.#client === 'admin') return Promise.resolve(this.api.admin);
    const { clients } = this.#place;
    const known = clients.get(this.#client) ?? this.api.client(this.#client, ...SCOPES);
    clients.set(this.#client, known);
    return known;
  }

  async #post(path: string, body: object, key: string = randomUUID()): Promise<Result> {
    const client = await this.http();
    return resultOf(await client.post(path, body, { key, prefer: PATIENCE }));
  }

  #act(id: string, act: string, body: object, key?: string, of = 'transfers'): Promise<Result> {
    return this.#post(`/v1/${of}/${encodeURIComponent(id)}/${act}`, body, key);
  }

  async #get(path: string) {
    const { status, body } = await (await this.http()).get(path);
    if (status !== 200) throw new Error(`${path}: ${status} ${body.code}`);
    return body;
  }

  createAsset: Driver['createAsset'] = async (asset = {}) => {
    const code = `A${randomUUID().slice(0, 8).toUpperCase()}`;
    const made = await this.api.admin.post(
      '/v1/assets',
      { code, scale: 2, ...asset },
      { key: null },
    );
    if (made.status !== 201) throw new Error(`${made.status} ${made.body.detail}`);
    return made.body.code;
  };

  createWallet: Driver['createWallet'] = async ({ owner = randomUUID(), ...wallet }) => {
    const client = await this.http();
    const made = await client.post('/v1/wallets', { owner, ...wallet }, { key: null });
    if (made.status !== 201) throw new Error(`${made.status} ${made.body.detail}`);
    return made.body.id;
  };

  setLimit: Driver['setLimit'] = async ({ id, ...limit }) => {
    const put = await this.api.admin.put(`/v1/limits/${id}`, limit);
    if (put.status !== 200) throw new Error(`${put.status} ${put.body.detail}`);
  };

  setStatus: Driver['setStatus'] = async (wallet, act) => {
    const client = await this.http();
    const changed = await client.post(`/v1/wallets/${wallet}/${act}`, { reason: `to ${act}` });
    return changed.status === 200 ? 'done' : changed.body.code;
  };

  transfer: Driver['transfer'] = (legs, { key, reference }: Hold = {}) =>
    this.#post('/v1/transfers', { legs, reference }, key);

  hold: Driver['hold'] = (legs, { key, ...rest }: Hold = {}) =>
    this.#post('/v1/transfers', { legs, settle: 'manual', ...rest }, key);

  addLegs: Driver['addLegs'] = (id, legs, { key } = {}) => this.#act(id, 'legs', { legs }, key);
  settle: Driver['settle'] = (id, { key, ...capture } = {}) =>
    this.#act(id, 'settle', capture, key);
  release: Driver['release'] = (id, reason, { key } = {}) =>
    this.#act(id, 'release', { reason }, key);
  cancel: Driver['cancel'] = (id, reason, { key } = {}) => this.#act(id, 'cancel', { reason }, key);
  extend: Driver['extend'] = (id, expiresIn, { key } = {}) =>
    this.#act(id, 'extend', { expiresIn }, key);
  reverse: Driver['reverse'] = (id, reason, { key, ...part } = {}) =>
    this.#act(id, 'reverse', { reason, ...part }, key);

  deposit: Driver['deposit'] = (wallet, amount, { key, ...outside } = {}) =>
    this.#post('/v1/deposits', { wallet, amount, ...outside }, key);
  confirm: Driver['confirm'] = (id, { key, ...part }: Part = {}) =>
    this.#act(id, 'confirm', part, key, 'deposits');
  cancelDeposit: Driver['cancelDeposit'] = (id, reason, { key } = {}) =>
    this.#act(id, 'cancel', { reason }, key, 'deposits');

  withdraw: Driver['withdraw'] = (wallet, amount, { key, ...rest } = {}) =>
    this.#post('/v1/withdrawals', { wallet, amount, destination: 'account 4711', ...rest }, key);
  finalize: Driver['finalize'] = (id, { key, ...part }: Part = {}) =>
    this.#act(id, 'finalize', part, key, 'withdrawals');
  releaseWithdrawal: Driver['releaseWithdrawal'] = (id, reason, { key, ...part } = {}) =>
    this.#act(id, 'release', { reason, ...part }, key, 'withdrawals');

  group: Driver['group'] = async (id) =>
    groupOf(await this.#get(`/v1/transfers/${encodeURIComponent(id)}`));

  entries: Driver['entries'] = async (id) =>
    (await this.#get(`/v1/transfers/${encodeURIComponent(id)}/entries?limit=200`)).data;

  list: Driver['list'] = async (what, { limit, cursor }) => {
    const [list, query] =
      'wallet' in what
        ? [`wallets/${what.wallet}/entries`, {}]
        : 'group' in what
          ? [`transfers/${encodeURIComponent(what.group)}/entries`, {}]
          : 'owner' in what
            ? ['wallets', what]
            : ['transfers', what];
    const page = { ...query, limit: String(limit), ...(cursor ? { cursor } : {}) };
    const { data, nextCursor } = await this.#get(`/v1/${list}?${new URLSearchParams(page)}`);
    return { data: data.map(({ id }: { id: string }) => id), nextCursor };
  };

  balance: Driver['balance'] = async (id) => (await this.#get(`/v1/wallets/${id}`)).balance;
}

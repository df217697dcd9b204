import { beforeAll, describe, expect, test, vi } from 'vitest';
import { type ChainDoor, ChainUnavailable } from '../../src/contracts/chain.ts';
import type { SagaGateway } from '../../src/contracts/sagas.ts';
import { createPool } from '../../src/db/pool.ts';
import type { Sagas } from '../../src/temporal/sagas.ts';
import { atFileEnd } from '../support/borrow.ts';
import { balanceOf, credit, debit, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { adminOn, createTestApi, NO_SAGAS, type TestApi, type TestClient } from './testApi.ts';

/** The sagas, told of each request a minute after it waited no longer. */
function tooLate(gateway: SagaGateway): SagaGateway {
  const late = <I extends object>(input: I): I => {
    const { acceptBy } = input as { acceptBy: string };
    return { ...input, acceptBy: new Date(Date.parse(acceptBy) - 66_000).toISOString() };
  };
  return {
    ...gateway,
    start: (type, input, waitMs, assets) => gateway.start(type, late(input), waitMs, assets),
    act: (update, input, waitMs) => gateway.act(update, late(input), waitMs),
  };
}

let api: TestApi;
let sagas: Sagas;

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  sagas = api.sagas as Sagas;
  await makeAsset(api, 'USD');
  await openWallet(api, 'a', 'USD', '10');
  await openWallet(api, 'b', 'USD');
});

const LEGS = [debit('a', '1'), credit('b', '1')];

describe.sequential('a request that comes too late', () => {
  test('is refused for good with NOT_ACCEPTED_IN_TIME', async () => {
    const late = await adminOn(api.db, tooLate(sagas.gateway));
    const refused = await late.post('/v1/transfers', { legs: LEGS }, { key: 'late' });
    expect(faultOf(refused)).toEqual([422, 'NOT_ACCEPTED_IN_TIME']);
    const again = await api.admin.post('/v1/transfers', { legs: LEGS }, { key: 'late' });
    expect([again.status, again.body]).toEqual([422, refused.body]);
    expect((await api.admin.get(pathOf('transfer:admin:late'))).body).toMatchObject({
      status: 'CANCELLED',
      reason: 'NOT_ACCEPTED_IN_TIME',
    });
    expect(await balanceOf(api, 'a')).toEqual(['10', '0', '0']);
  });

  test('is refused for good as an act too', async () => {
    const held = await api.admin.post('/v1/transfers', { legs: LEGS, settle: 'manual' });
    const late = await adminOn(api.db, tooLate(sagas.gateway));
    const refused = await late.post(pathOf(held, '/settle'), {}, { key: 'late-act' });
    expect(faultOf(refused)).toEqual([422, 'NOT_ACCEPTED_IN_TIME']);
    const again = await api.admin.post(pathOf(held, '/settle'), {}, { key: 'late-act' });
    expect([again.status, again.body]).toEqual([422, refused.body]);
    const cancelled = await api.admin.post(pathOf(held, '/cancel'), { reason: 'too late' });
    expect(cancelled.body.status).toBe('CANCELLED');
    expect(await balanceOf(api, 'a')).toEqual(['10', '0', '0']);
  });

  test('is told from one in time by the clock of the database, not of the host', async () => {
    const held = await api.admin.post('/v1/transfers', { legs: LEGS, settle: 'manual' });
    const bounds: unknown[] = [];
    const noting: SagaGateway = {
      ...NO_SAGAS,
      async start(_, input) {
        bounds.push('acceptBy' in input && input.acceptBy);
        return { outcome: 'pending' };
      },
      async act(_, input) {
        bounds.push('acceptBy' in input && input.acceptBy);
        return { outcome: 'pending' };
      },
    };
    const admin = await adminOn(api.db, noting);
    const earliest = Date.now();
    const clock = Date.now;
    vi.spyOn(Date, 'now').mockImplementation(() => clock() - 3_600_000);
    const begun = await admin.post('/v1/transfers', { legs: LEGS }, { prefer: 'wait=1' });
    const acted = await admin.post(pathOf(held, '/settle'), {}, { prefer: 'wait=1' });
    vi.restoreAllMocks();
    expect([begun.status, acted.status, bounds.length]).toEqual([202, 202, 2]);
    for (const bound of bounds) {
      expect(Date.parse(String(bound))).toBeGreaterThan(earliest + 30_000);
      expect(Date.parse(String(bound))).toBeLessThan(Date.now() + 32_000);
    }
    await api.admin.post(pathOf(held, '/cancel'), { reason: 'the end' });
  });
});

describe.sequential('a key that was used', () => {
  test('is answered from the ledger, and Temporal is not asked', async () => {
    const silent = await adminOn(api.db, NO_SAGAS);
    const body = { legs: LEGS, settle: 'manual' };
    const held = await api.admin.post('/v1/transfers', body, { key: 'once' });
    const settled = await api.admin.post(pathOf(held, '/settle'), {}, { key: 'once' });
    const path = pathOf(held, '/reverse');
    const reversed = await api.admin.post(path, { reason: 'r' }, { key: 'once' });
    expect((await silent.post('/v1/transfers', body, { key: 'once' })).body).toMatchObject({
      id: held.body.id,
      status: 'IN_PROGRESS',
    });
    expect((await silent.post(pathOf(held, '/settle'), {}, { key: 'once' })).body.status).toBe(
      settled.body.status,
    );
    expect((await silent.post(path, { reason: 'r' }, { key: 'once' })).body.id).toBe(
      reversed.body.id,
    );
    const other = { ...body, reference: 'other' };
    const parts = { legs: [1, 2].map((leg) => ({ leg, amount: '0.5' })) };
    for (const [reused, changed] of [
      ['/v1/transfers', other],
      [pathOf(held, '/settle'), parts],
    ] as const) {
      const refused = await silent.post(reused, changed, { key: 'once' });
      expect(refused.body.code).toBe('IDEMPOTENCY_KEY_REUSED');
    }
    const broken = await silent.post('/v1/transfers', body, { key: 'another' });
    expect(faultOf(broken)).toEqual([500, 'INTERNAL_ERROR']);
    expect(broken.body.detail, 'what broke is for the log').not.toContain('sagas');
  });
});

describe.sequential('a gateway', () => {
  const elsewhere = (changes: Partial<SagaGateway>) =>
    adminOn(api.db, { ...sagas.gateway, ...changes });
  const ask = (path: string, body: object, changes: Partial<SagaGateway>, key: string) =>
    elsewhere(changes).then((admin) => admin.post(path, body, { key }));

  test('that knows no outcome leaves it to the books to say how the group stands', async () => {
    const start: SagaGateway['start'] = async (...asked) => {
      await sagas.gateway.start(...asked);
      return { outcome: 'pending' };
    };
    const body = { legs: LEGS, settle: 'manual' };
    const accepted = await ask('/v1/transfers', body, { start }, 'meanwhile');
    expect(accepted.status).toBe(202);
    expect(accepted.body.legs).toHaveLength(2);
    expect((await api.admin.post(pathOf(accepted, '/cancel'), { reason: 'r' })).status).toBe(200);
  });

  test('that knows a saga no longer is asked while its group is written', async () => {
    const body = { legs: LEGS, settle: 'manual' };
    const describe = async () => {
      await api.admin.post('/v1/transfers', body, { key: 'just-now' });
      return null;
    };
    const path = pathOf('transfer:admin:just-now');
    const read = await (await elsewhere({ describe })).get(path);
    expect([read.status, read.body.status]).toEqual([200, 'IN_PROGRESS']);
    expect((await api.admin.post(`${path}/cancel`, { reason: 'r' })).status).toBe(200);
  });

  test('that will never take a request names no time to ask again', async () => {
    const held = await api.admin.post('/v1/transfers', { legs: LEGS, settle: 'manual' });
    const answer = { outcome: 'unavailable', code: 'INVALID_REQUEST', detail: 'No.' } as const;
    const act = async () => ({ ...answer, retryAfterSeconds: 0 });
    const refused = await ask(pathOf(held, '/cancel'), { reason: 'r' }, { act }, 'never');
    expect(faultOf(refused)).toEqual([400, 'INVALID_REQUEST']);
    expect(refused.headers.has('retry-after')).toBe(false);
    expect((await api.admin.post(pathOf(held, '/cancel'), { reason: 'r' })).status).toBe(200);
  });
});

describe.sequential('when Temporal is away', () => {
  test('what has an answer keeps it, all else is 503 with Retry-After', async () => {
    const done = await api.admin.post('/v1/transfers', { legs: LEGS }, { key: 'done' });
    const held = await api.admin.post('/v1/transfers', { legs: LEGS, settle: 'manual' });
    await sagas.stop();
    const again = await api.admin.post('/v1/transfers', { legs: LEGS }, { key: 'done' });
    expect([again.status, again.body]).toEqual([201, done.body]);
    const started = await api.admin.post('/v1/transfers', { legs: LEGS }, { key: 'new' });
    expect(faultOf(started)).toEqual([503, 'UNAVAILABLE']);
    expect(Number(started.headers.get('retry-after'))).toBeGreaterThan(0);
    const acted = await api.admin.post(pathOf(held, '/settle'), {});
    expect(faultOf(acted)).toEqual([503, 'UNAVAILABLE']);
    expect((await api.admin.get(pathOf(held))).body.status).toBe('IN_PROGRESS');
    const unknown = await api.admin.get(pathOf('transfer:admin:new'));
    expect(faultOf(unknown)).toEqual([503, 'UNAVAILABLE']);
    expect(faultOf(await api.admin.get(pathOf('no-group-of-a-client')))).toEqual([
      404,
      'GROUP_NOT_FOUND',
    ]);
  });

  test('readiness names it', async () => {
    const { status, body } = await api.anonymous.get('/health/ready');
    expect([status, body.missing]).toEqual([
      503,
      [{ component: 'temporal', detail: 'does not answer' }],
    ]);
  });
});

describe('when Postgres is away', () => {
  let away: TestClient;
  beforeAll(async () => {
    const pool = createPool({
      databaseUrl: 'postgres://nobody@127.0.0.1:1/none',
      size: 1,
      applicationName: 'test',
    });
    atFileEnd(() => pool.end());
    away = await adminOn({ pool }, sagas.gateway);
  });

  test('calls are 503 with Retry-After, and readiness names it', async () => {
    const answer = await away.get('/v1/wallets');
    expect(faultOf(answer)).toEqual([503, 'UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answer.body.detail).toBe('The database does not answer. Ask again.');
    const { body } = await away.get('/health/ready');
    expect(body.missing[0]).toEqual({ component: 'postgres', detail: 'does not answer' });
    expect((await away.get('/health/live')).status).toBe(200);
  });

  test('only calls that take a key are told that nothing will happen twice', async () => {
    const { body: document } = await away.get('/openapi.json');
    const posts = Object.entries<{ post?: { parameters?: { name: string }[] } }>(document.paths)
      .filter(([path, { post }]) => post && !path.includes('/chain-hooks/'))
      .map(([path, { post }]) => [path, post?.parameters ?? []] as const);
    for (const [path, parameters] of posts) {
      const takesKey = parameters.some(({ name }) => name === 'Idempotency-Key');
      // Some send a key with each call; a second wallet, or API key, would be another one.
      const headers = { authorization: 'Bearer somebody', 'idempotency-key': 'sent' };
      const { body } = await away.send('POST', path.replaceAll(/[{}]/g, ''), { headers });
      const next = takesKey
        ? 'Ask again with the same key; nothing will happen twice.'
        : 'Look whether it was done before you ask again.';
      expect([path, body.detail]).toEqual([path, `The database does not answer. ${next}`]);
    }
    expect(posts.length).toBeGreaterThan(20);
  });

  test('and one that only reads is not ready, since nothing can be paid there', async () => {
    const { url } = api.db;
    const pool = createPool({ databaseUrl: url, size: 1, applicationName: 'test', readOnly: true });
    atFileEnd(() => pool.end());
    const standby = await adminOn({ pool }, sagas.gateway);
    expect((await standby.get('/v1/wallets')).status).toBe(200);
    const wallet = await standby.post('/v1/wallets', { owner: 'o', asset: 'USD' });
    expect(faultOf(wallet)).toEqual([503, 'UNAVAILABLE']);
    const { status, body } = await standby.get('/health/ready');
    const missing = { component: 'postgres', detail: 'only reads, as a standby does' };
    expect([status, body.missing[0]]).toEqual([503, missing]);
  });

  test('while a value that it cannot read is our fault, but for one in a cursor', async () => {
    const query = () => api.db.pool.query('select 1 / 0');
    const broken = await adminOn({ pool: { query } as never }, sagas.gateway);
    expect(faultOf(await broken.get('/v1/wallets'))).toEqual([500, 'INTERNAL_ERROR']);
  });

  test('and a full disk is told as well; the same key works once there is room', async () => {
    await api.db.owner.query(`
      create function fill_disk() returns trigger language plpgsql as
        $$ begin raise exception 'No space left on device' using errcode = 'disk_full'; end $$;
      create trigger full_disk before insert on wallets execute function fill_disk()`);
    const wallet = { id: 'late', owner: 'late', asset: 'USD' };
    const refused = await api.admin.post('/v1/wallets', wallet, { key: 'late' });
    expect(faultOf(refused)).toEqual([503, 'UNAVAILABLE']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused.body.detail).toMatch(/^The database cannot do this now\. Look/);
    await api.db.owner.query('drop trigger full_disk on wallets; drop function fill_disk');
    expect((await api.admin.post('/v1/wallets', wallet, { key: 'late' })).status).toBe(201);
  });

  test('and what it cannot tell yet, since somebody writes for long, is 503 as well', async () => {
    const path = '/v1/wallets/external:USD/balance';
    const writer = await api.db.owner.connect();
    try {
      await writer.query('begin');
      await writer.query('select pg_current_xact_id()');
      expect(faultOf(await api.admin.get(path))).toEqual([503, 'UNAVAILABLE']);
    } finally {
      await writer.query('rollback');
      writer.release();
    }
    expect((await api.admin.get(path)).body.settled).toBe('-10');
  }, 20_000);
});

test('when a node is away, what needs it is 503 and says so', async () => {
  const away = async () => {
    throw new ChainUnavailable('The node does not answer.');
  };
  const door = { chains: away, scaleFault: async () => null } as unknown as ChainDoor;
  const onChain = await createTestApi({ database: api.db, chain: { door, activities: {} } });
  await onChain.admin.post('/v1/assets', { code: 'FAR', scale: 18, chain: 'eip155:1' });
  const answer = await onChain.admin.post('/v1/chains/eip155:1/rescan', { from: 1 });
  expect(faultOf(answer)).toEqual([503, 'CHAIN_UNAVAILABLE']);
  expect(answer.body.detail).toBe('The node does not answer.');
});

import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { SagaGateway } from '../../src/contracts/sagas.ts';
import { createPool } from '../../src/db/pool.ts';
import type { Sagas } from '../../src/temporal/sagas.ts';
import { atFileEnd } from '../support/borrow.ts';
import { balanceOf, credit, debit, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { adminOn, createTestApi, NO_SAGAS, type TestApi } from './testApi.ts';

/** The sagas, told that each request was to be accepted a minute ago. */
function tooLate(gateway: SagaGateway): SagaGateway {
  const acceptBy = new Date(Date.now() - 60_000).toISOString();
  return {
    ...gateway,
    start: (type, input, waitMs, assets) =>
      gateway.start(type, 'acceptBy' in input ? { ...input, acceptBy } : input, waitMs, assets),
    act: (update, input, waitMs) =>
      gateway.act(update, 'acceptBy' in input ? { ...input, acceptBy } : input, waitMs),
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
    expect((await silent.post('/v1/transfers', body, { key: 'another' })).status).toBe(500);
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
  test('calls are 503 with Retry-After, and readiness names it', async () => {
    const pool = createPool({
      databaseUrl: 'postgres://nobody@127.0.0.1:1/none',
      size: 1,
      applicationName: 'test',
    });
    atFileEnd(() => pool.end());
    const away = await adminOn({ pool }, sagas.gateway);
    const answer = await away.get('/v1/wallets');
    expect(faultOf(answer)).toEqual([503, 'UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answer.body.detail).not.toContain('127.0.0.1');
    const { body } = await away.get('/health/ready');
    expect(body.missing[0]).toEqual({ component: 'postgres', detail: 'does not answer' });
    expect((await away.get('/health/live')).status).toBe(200);
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

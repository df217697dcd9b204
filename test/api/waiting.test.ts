import { beforeAll, describe, expect, test } from 'vitest';
import { createActivities } from '../../activities/createActivities.ts';
import { SAGA_TASK_QUEUE, type SagaGateway, SEARCH_ATTRIBUTE } from '../../src/contracts/sagas.ts';
import { createLog } from '../../src/observability/log.ts';
import { createStartsAhead } from '../../src/temporal/aheadOfStart.ts';
import { bundleWorkflows } from '../../src/temporal/bundle.ts';
import { connectTemporal, type Temporal } from '../../src/temporal/client.ts';
import { createGateway } from '../../src/temporal/gateway.ts';
import { createHeadStarts } from '../../src/temporal/headStart.ts';
import { createOutcomes } from '../../src/temporal/outcomes.ts';
import { createPayoutWithdrawals } from '../../src/temporal/payoutWithdrawals.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { createSweep } from '../../src/temporal/sweep.ts';
import { startWorker } from '../../src/temporal/worker.ts';
import { atFileEnd } from '../support/borrow.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';
import { balanceOf, credit, debit, faultOf, openWallet, pathOf } from './money.ts';
import { createTestApi, type TestApi } from './testApi.ts';

/** A process with a gateway and no worker, as one is whose worker runs elsewhere. */
async function apiWithoutWorker() {
  const log = createLog('silent');
  installRuntime(log);
  const temporal = await connectTemporal({
    address: await temporalAddress(),
    namespace: await temporalNamespace(),
    identity: 'api-without-worker',
    log,
  });
  atFileEnd(() => temporal.close());
  let gateway: SagaGateway | undefined;
  // The API wants its gateway before there is a database, the gateway wants the database.
  const forward = new Proxy({} as SagaGateway, {
    get: (_, name) => Reflect.get(gateway as SagaGateway, name),
  });
  const api = await createTestApi({ gateway: forward });
  const db = api.db.pool;
  const { client } = temporal;
  const outcomes = createOutcomes();
  const headStarts = createHeadStarts();
  const { publish } = outcomes;
  const sweep = createSweep({ client, db, log });
  const steps = createActivities({
    db,
    log,
    risk: null,
    publish,
    takeBegun: headStarts.take,
    withdrawals: createPayoutWithdrawals({ client, db, log }),
    ...sweep,
  });
  const startsAhead = createStartsAhead({}, publish);
  const told = { outcomes, headStarts, startsAhead, steps };
  gateway = createGateway({ client, db, log, temporalUi: null, ...told });
  return { api, temporal, steps };
}

let api: TestApi;
let temporal: Temporal;
let steps: ReturnType<typeof createActivities>;

beforeAll(async () => {
  ({ api, temporal, steps } = await apiWithoutWorker());
  await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
});

/** Starts the worker that was missing; it stops when the file ends. */
async function startMissingWorker(): Promise<void> {
  const { connection, client } = temporal;
  const worker = await startWorker({
    connection,
    namespace: client.options.namespace,
    identity: 'late-worker',
    taskQueue: SAGA_TASK_QUEUE,
    activities: steps,
    bundle: await bundleWorkflows(),
  });
  atFileEnd(() => worker.stop());
}

const NOW = { prefer: 'wait=0' };

describe.sequential('without a worker', () => {
  test('a transfer is 202 with the group as it stands and where to read it', async () => {
    await openWallet(api, 'a', 'USD');
    await openWallet(api, 'b', 'USD');
    const legs = [debit('external:USD', '5'), credit('a', '5')];
    const body = { legs, reference: 'r', metadata: { m: 1 } };
    const accepted = await api.admin.post('/v1/transfers', body, { ...NOW, key: 'late/1' });
    expect(accepted.status).toBe(202);
    expect(accepted.body).toEqual({
      id: 'transfer:admin:late/1',
      kind: 'transfer',
      status: 'IN_PROGRESS',
      reason: null,
      legs: [],
      expiresAt: null,
      createdAt: expect.any(String),
      finishedAt: null,
      reference: 'r',
      metadata: { m: 1 },
      reverses: null,
      workflowId: 'transfer:admin:late/1',
      links: { temporalUi: null },
    });
    const location = accepted.headers.get('location') ?? '';
    expect(location).toBe('/v1/transfers/transfer%3Aadmin%3Alate%2F1');
    const { body: read } = await api.admin.get(location);
    expect(read).toEqual({ ...accepted.body, createdAt: read.createdAt });
    expect((await api.admin.get(`${location}/entries`)).body).toEqual({
      data: [],
      nextCursor: null,
    });
    expect((await api.admin.get(`${location}/timeline`)).body.data).toEqual([]);
  });

  test('a withdrawal is 202 and bears its state', async () => {
    const body = { wallet: 'b', amount: '1', destination: 'iban' };
    const accepted = await api.admin.post('/v1/withdrawals', body, { ...NOW, key: 'late' });
    expect(accepted.status).toBe(202);
    expect(accepted.body.withdrawal).toEqual({
      state: 'requested',
      destination: 'iban',
      attempts: [],
      confirmations: 0,
    });
    const { body: read } = await api.admin.get(accepted.headers.get('location') ?? '');
    expect(read.withdrawal.state).toBe('requested');
  });

  test.each(['transfer:admin:late/1', 'withdrawal:admin:late'])(
    '%s is found by its asset before its first step',
    async (id) => {
      const { typedSearchAttributes } = await temporal.client.workflow.getHandle(id).describe();
      expect(typedSearchAttributes.get(SEARCH_ATTRIBUTE.asset)).toEqual(['USD']);
    },
  );

  test('asking again with the same key is 202 again, and 202 consumes nothing', async () => {
    const legs = [debit('external:USD', '5'), credit('a', '5')];
    const body = { legs, reference: 'r', metadata: { m: 1 } };
    const again = await api.admin.post('/v1/transfers', body, { ...NOW, key: 'late/1' });
    expect(again.status).toBe(202);
    expect(again.headers.has('idempotency-replayed')).toBe(false);
  });

  test('a wait is as long as the caller prefers', async () => {
    const begun = Date.now();
    const body = { legs: [], settle: 'manual' };
    const { status } = await api.admin.post('/v1/transfers', body, {
      prefer: 'wait=1',
      key: 'one',
    });
    expect(status).toBe(202);
    expect(Date.now() - begun).toBeGreaterThan(900);
    expect(Date.now() - begun).toBeLessThan(4000);
  });

  test('an act on a group that was only accepted is not lost', async () => {
    const path = pathOf('transfer:admin:one', '/cancel');
    const answer = await api.admin.post(path, { reason: 'early' }, { ...NOW, key: 'c' });
    expect([202, 404]).toContain(answer.status);
  });

  test('a group that nobody asked for is 404', async () => {
    expect(faultOf(await api.admin.get(pathOf('transfer:admin:never')))).toEqual([
      404,
      'GROUP_NOT_FOUND',
    ]);
  });

  test('what was accepted happens once a worker comes, and the key has its answer', async () => {
    await startMissingWorker();
    const path = pathOf('transfer:admin:late/1');
    await expect
      .poll(async () => (await api.admin.get(path)).body.status, { timeout: 15_000 })
      .toBe('SETTLED');
    const legs = [debit('external:USD', '5'), credit('a', '5')];
    const body = { legs, reference: 'r', metadata: { m: 1 } };
    const again = await api.admin.post('/v1/transfers', body, { key: 'late/1' });
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(await balanceOf(api, 'a')).toEqual(['5', '0', '0']);
  });

  test('who does not wait is told 202 each time, however fast the worker is', async () => {
    const statuses = new Set<number>();
    for (let sent = 0; sent < 30; sent++) {
      const legs = [debit('external:USD', '1'), credit('a', '1')];
      const answer = await api.admin.post('/v1/transfers', { legs }, { ...NOW, key: `n${sent}` });
      statuses.add(answer.status);
      const { body } = await api.admin.get(answer.headers.get('location') ?? '');
      expect(body.id).toBe(`transfer:admin:n${sent}`);
    }
    expect(statuses).toEqual(new Set([202]));
    const balance = async () => (await balanceOf(api, 'a'))[0];
    await expect.poll(balance, { timeout: 15_000 }).toBe('35');
  });
});

import { beforeAll, describe, expect, test } from 'vitest';
import { SIGNAL } from '../../src/contracts/sagas.ts';
import { observeWithdrawals } from '../../src/withdrawals/withdrawalMetrics.ts';
import { balanceOf, faultOf, makeAsset, openWallet, pathOf } from './money.ts';
import { type Answer, createTestApi, type TestApi, type TestClient } from './testApi.ts';

let api: TestApi;
let shop: TestClient;
let ann: TestClient;
let bob: TestClient;

const RULE = { asset: 'USD', from: '50', approvals: 2 };

beforeAll(async () => {
  api = await createTestApi({ sagas: true });
  shop = await api.client('shop', 'read', 'transfer', 'operate');
  ann = await api.client('ann', 'read', 'operate');
  bob = await api.client('bob', 'read', 'operate');
  await makeAsset(api, 'USD');
  expect((await api.admin.put('/v1/approval-rules/usd', RULE)).status).toBe(200);
});

/** A withdrawal of all that a new wallet has. */
async function requested(wallet: string, more: object = {}): Promise<Answer> {
  await openWallet(api, wallet, 'USD', '60');
  const body = { wallet, amount: '60', destination: 'DE02120300000000202051', ...more };
  const withdrawal = await shop.post('/v1/withdrawals', body);
  expect(withdrawal.status).toBe(201);
  return withdrawal;
}

const act = (withdrawal: Answer, name: string, client: TestClient, key?: string) =>
  client.post(
    `/v1/withdrawals/${encodeURIComponent(withdrawal.body.id)}/${name}`,
    name === 'finalize' ? {} : { reason: 'looked at' },
    key === undefined ? {} : { key },
  );
const handleOf = (withdrawal: Answer) => {
  if (api.sagas === null) throw new Error('This file runs with sagas');
  return api.sagas.client.workflow.getHandle(withdrawal.body.id);
};
const nextOf = async (withdrawal: Answer) =>
  (await handleOf(withdrawal).query<{ next: string }>('status')).next;

describe('a withdrawal that no rule asks about', () => {
  const small = async (wallet: string) => requested(wallet, { amount: '40' });

  test('takes a yes of another client, which changes nothing', async () => {
    const withdrawal = await small('noted');
    expect(faultOf(await act(withdrawal, 'approve', shop))).toEqual([403, 'FORBIDDEN']);
    const approved = await act(withdrawal, 'approve', ann);
    expect([approved.status, approved.body.withdrawal.state]).toEqual([200, 'held']);
    expect(await balanceOf(api, 'noted')).toEqual(['20', '0', '40']);
    const { data } = (await shop.get(`${pathOf(withdrawal.body.id)}/timeline`)).body;
    expect(data.at(-1)).toMatchObject({ event: 'approve', actor: 'ann', reason: 'looked at' });
    expect((await act(withdrawal, 'finalize', ann)).body.status).toBe('SETTLED');
    expect(faultOf(await act(withdrawal, 'approve', bob))).toEqual([409, 'GROUP_NOT_OPEN']);
    expect(faultOf(await act(withdrawal, 'reject', bob))).toEqual([409, 'GROUP_NOT_OPEN']);
  });

  test('is given back by a no, and its saga ends', async () => {
    const withdrawal = await small('refused');
    const rejected = await act(withdrawal, 'reject', bob);
    expect(rejected.body).toMatchObject({ status: 'CANCELLED', reason: 'looked at' });
    expect(await balanceOf(api, 'refused')).toEqual(['60', '0', '0']);
    expect(await handleOf(withdrawal).result()).toMatchObject({ status: 'CANCELLED' });
  });
});

describe('a withdrawal above a rule', () => {
  test('waits for two clients other than the one that asked, then goes on', async () => {
    const withdrawal = await requested('two');
    expect(withdrawal.body.withdrawal).toMatchObject({
      state: 'awaiting_approval',
      approval: { rule: 'usd', needed: 2, given: [], risk: null },
    });
    expect(await nextOf(withdrawal)).toContain('Waits for 2 approvals by clients other than shop');
    expect(faultOf(await act(withdrawal, 'approve', shop))).toEqual([403, 'FORBIDDEN']);
    expect(faultOf(await act(withdrawal, 'finalize', ann))).toEqual([409, 'WRONG_KIND']);

    const first = await act(withdrawal, 'approve', ann, 'k');
    expect([first.status, first.body.withdrawal.approval.given]).toEqual([200, ['ann']]);
    const replayed = await act(withdrawal, 'approve', ann, 'k');
    expect([replayed.status, replayed.body]).toEqual([200, first.body]);
    expect(replayed.headers.get('idempotency-replayed')).toBe('true');
    expect(faultOf(await act(withdrawal, 'approve', ann))).toEqual([403, 'FORBIDDEN']);
    await expect.poll(() => nextOf(withdrawal)).toContain('given by ann');

    const second = await act(withdrawal, 'approve', bob);
    expect(second.body.withdrawal.state).toBe('held');
    await expect.poll(() => nextOf(withdrawal)).toContain('Waits for the payment outside');
    expect((await act(withdrawal, 'finalize', ann)).body.status).toBe('SETTLED');
    expect(await balanceOf(api, 'two')).toEqual(['0', '0', '0']);
    expect(await handleOf(withdrawal).result()).toMatchObject({ status: 'SETTLED' });
  });

  test('is given back when one of them says no, and its saga ends', async () => {
    const withdrawal = await requested('no');
    const rejected = await act(withdrawal, 'reject', ann);
    expect(rejected.body).toMatchObject({ status: 'CANCELLED', reason: 'looked at' });
    expect(await balanceOf(api, 'no')).toEqual(['60', '0', '0']);
    expect(await handleOf(withdrawal).result()).toMatchObject({ status: 'CANCELLED' });
    expect(faultOf(await act(withdrawal, 'approve', bob))).toEqual([409, 'GROUP_NOT_OPEN']);
  });

  test('ends at its deadline', async () => {
    const withdrawal = await requested('late', { expiresIn: 1 });
    expect(await handleOf(withdrawal).result()).toMatchObject({ reason: 'EXPIRED' });
    expect(await balanceOf(api, 'late')).toEqual(['60', '0', '0']);
  });

  test('cannot be approved from the Temporal UI, whatever name is typed there', async () => {
    const withdrawal = await requested('forged');
    const { id } = withdrawal.body;
    const forged = { groupId: id, actor: { name: 'ann', admin: true } };
    const claim = { ...forged, stepKey: 'approve:ann:1', reason: 'trust me' };
    const handle = handleOf(withdrawal);
    await expect(handle.executeUpdate('approve', { args: [claim] })).rejects.toThrow();
    const whole = { amount: null, final: true, txid: null };
    const paid = { ...forged, ...whole, stepKey: 'finalize:ann:1' };
    expect(await handle.executeUpdate('finalize', { args: [paid] })).toMatchObject({
      outcome: 'refused',
      refusal: { code: 'WRONG_KIND' },
    });
    await handle.signal(SIGNAL.settle, 'trust me');
    await handle.signal(SIGNAL.policyChanged, claim);
    const timeline = async () => (await shop.get(pathOf(withdrawal, '/timeline'))).body.data;
    await expect.poll(timeline).toContainEqual(expect.objectContaining({ event: 'signal.settle' }));
    expect((await shop.get(pathOf(withdrawal))).body.withdrawal).toMatchObject({
      state: 'awaiting_approval',
      approval: { given: [] },
    });
  });

  test('is approved while nobody runs its saga, and goes on when that comes back', async () => {
    const withdrawal = await requested('gone');
    await handleOf(withdrawal).terminate('as an operator would');
    await act(withdrawal, 'approve', ann);
    expect((await act(withdrawal, 'approve', bob)).body.withdrawal.state).toBe('held');
    await expect.poll(() => nextOf(withdrawal)).toContain('Waits for the payment outside');
    expect((await act(withdrawal, 'finalize', bob)).body.status).toBe('SETTLED');
  });

  test('is given back when its workflow is cancelled', async () => {
    const withdrawal = await requested('cancelled');
    await handleOf(withdrawal).cancel();
    await expect.poll(() => balanceOf(api, 'cancelled')).toEqual(['60', '0', '0']);
  });
});

describe('what waits for approval', () => {
  test('is listed by its state, and counted', async () => {
    const withdrawal = await requested('listed');
    const { id } = withdrawal.body;
    const waiting = async () => {
      const { data } = (await ann.get('/v1/transfers?state=awaiting_approval')).body;
      return data.map((group: { id: string }) => group.id);
    };
    expect(await waiting()).toContain(id);
    observeWithdrawals(api.metrics.registry, api.db.pool);
    const line = 'holdfast_open_withdrawals{state="awaiting_approval"}';
    const { body: metrics } = await api.anonymous.get('/metrics');
    expect(metrics).toContain(`${line} ${(await waiting()).length}`);
    await act(withdrawal, 'reject', ann);
    expect(await waiting()).not.toContain(id);
  });
});

describe('/v1/approval-rules', () => {
  test('are set, read, listed and taken away', async () => {
    const body = { asset: 'USD', owner: 'alice', walletKind: 'merchant', approvals: 1 };
    const put = await api.admin.put('/v1/approval-rules/a', body);
    expect(put.body).toEqual({ id: 'a', ...body, from: '0' });
    expect((await ann.get('/v1/approval-rules/a')).body).toEqual(put.body);
    const { data } = (await ann.get('/v1/approval-rules')).body;
    expect(data.map(({ id }: { id: string }) => id)).toEqual(['a', 'usd']);
    expect((await api.admin.delete('/v1/approval-rules/a')).status).toBe(204);
    expect(faultOf(await api.admin.delete('/v1/approval-rules/a'))).toEqual([404, 'NOT_FOUND']);
    expect(faultOf(await ann.get('/v1/approval-rules/a'))).toEqual([404, 'NOT_FOUND']);
  });

  test.each([
    ['no approvals', { asset: 'USD' }, [400, 'INVALID_REQUEST', '/approvals']],
    ['none needed', { ...RULE, approvals: 0 }, [400, 'INVALID_REQUEST', '/approvals']],
    ['decimals', { ...RULE, from: '0.001' }, [400, 'INVALID_AMOUNT', '/from']],
    ['an asset', { ...RULE, asset: 'NONE' }, [404, 'ASSET_NOT_FOUND']],
    ['a kind', { ...RULE, walletKind: 'pirate' }, [400, 'INVALID_REQUEST', '/walletKind']],
  ])('refuse %s', async (_what, body, fault) => {
    expect(faultOf(await api.admin.put('/v1/approval-rules/x', body))).toEqual(fault);
  });

  test('are an admin’s to set', async () => {
    expect(faultOf(await shop.put('/v1/approval-rules/x', RULE))).toEqual([403, 'FORBIDDEN']);
  });
});

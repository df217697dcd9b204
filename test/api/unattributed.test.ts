/** Deposits that are nobody's, on a real chain, until somebody says whose they are. */
import { beforeAll, describe, expect, test } from 'vitest';
import { creditChainDeposit, openChainDeposit } from '../../src/chains/deposits.ts';
import { showAddress } from '../../src/chains/evm/addresses.ts';
import { reverse } from '../../src/ledger/reverse.ts';
import { type ChainWorld, createChainWorld } from '../chains/chainWorld.ts';
import { STRANGER } from '../chains/node.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';

const ETH = 10n ** 18n;

let world: ChainWorld;
let api: TestApi;
let shop: TestClient;
let bank: TestClient;

/** Coins to an address whose owner has no wallet for them; credited, and final where it says so. */
async function nobodys(units: bigint, isFinal = true): Promise<string> {
  const address = await world.wallet(`owner-${units}`, 'ETH');
  const { txid } = await world.node.sendToken(world.usdx, address, units);
  await world.node.mine(isFinal ? 5 : 2);
  await world.follow();
  await world.follow();
  const inclusion = await world.value<string>(
    'select id::text from chain_inclusions where txid = $1',
    txid,
  );
  await openChainDeposit(world.db, inclusion);
  await creditChainDeposit(world.db, inclusion);
  return world.value<string>('select group_id from chain_inclusions where id = $1', inclusion);
}

const assign = (id: string, body: object, key?: string, who = bank) =>
  who.post(
    `/v1/unattributed/${encodeURIComponent(id)}/assign`,
    { reason: 'it is hers', ...body },
    key === undefined ? {} : { key },
  );

beforeAll(async () => {
  world = await createChainWorld();
  await world.follow();
  await world.giveStranger(1_000_000_000n);
  api = await createTestApi({ database: world.database });
  shop = await api.client('shop', 'read', 'transfer');
  bank = await api.client('bank', 'read', 'operate');
  for (const [id, asset] of [
    ['ann', 'USDX'],
    ['ann-eth', 'ETH'],
    ['shut', 'USDX'],
  ]) {
    await api.admin.post('/v1/wallets', { id, owner: id, asset });
  }
  await api.admin.post('/v1/wallets/shut/close', { reason: 'gone' });
});

describe('GET /v1/unattributed', () => {
  test('lists those that wait, with why and whose address it was, and those assigned', async () => {
    const id = await nobodys(1_000_000n);
    const listed = await shop.get('/v1/unattributed?asset=USDX');
    expect(listed.body.data[0]).toMatchObject({
      id,
      status: 'SETTLED',
      amount: '1',
      owner: 'owner-1000000',
      why: 'NO_WALLET',
      assigned: null,
    });
    await assign(id, { wallet: 'ann' });
    expect((await shop.get('/v1/unattributed')).body.data).toEqual([]);
    expect((await shop.get('/v1/unattributed?assigned=true')).body.data).toMatchObject([
      { id, assigned: { wallet: 'ann', by: 'bank', reason: 'it is hers' } },
    ]);
  });

  test('knows what was below the minimum, and pages', async () => {
    await api.admin.patch('/v1/assets/ETH', { minDeposit: '1' });
    const address = await world.wallet('small', 'ETH');
    for (let each = 0; each < 3; each++) {
      const { txid } = await world.node.send({ to: address, wei: ETH / 2n });
      await world.follow();
      const sql = 'select id::text from chain_inclusions where txid = $1';
      await openChainDeposit(world.db, await world.value<string>(sql, txid));
    }
    await api.admin.patch('/v1/assets/ETH', { minDeposit: '0.9' });
    const first = await shop.get('/v1/unattributed?asset=ETH&limit=2');
    expect(first.body.data).toMatchObject([
      {
        why: 'BELOW_MINIMUM',
        status: 'IN_PROGRESS',
        // As they were handed out, so that who looks for one finds it.
        address: showAddress(address),
        from: showAddress(STRANGER.address),
      },
      { why: 'BELOW_MINIMUM' },
    ]);
    const cursor = encodeURIComponent(first.body.nextCursor);
    const rest = await shop.get(`/v1/unattributed?asset=ETH&limit=2&cursor=${cursor}`);
    expect(rest.body.data).toHaveLength(1);
    expect(rest.body.nextCursor).toBeNull();
  });
});

describe('POST /v1/unattributed/{id}/assign', () => {
  test('moves it by a group that names it, and says so in its timeline', async () => {
    const before = await world.balance('ann');
    const id = await nobodys(2_000_000n);
    const { status, body } = await assign(id, { wallet: 'ann' });
    expect(status).toBe(201);
    expect(body).toMatchObject({ kind: 'transfer', status: 'SETTLED', metadata: { assigns: id } });
    // No workflow took part in it.
    expect(body.links).toEqual({ temporalUi: null });
    expect(body.legs.map((leg: { wallet: string }) => leg.wallet)).toEqual([
      'unattributed:USDX',
      'ann',
    ]);
    const after = await world.balance('ann');
    expect(Number(after.available) - Number(before.available)).toBe(2);
    const timeline = await shop.get(`/v1/transfers/${encodeURIComponent(id)}/timeline`);
    expect(timeline.body.data).toContainEqual(
      expect.objectContaining({ event: 'deposit.assigned', actor: 'bank', reason: 'it is hers' }),
    );
    expect((await shop.get('/v1/reconciliation')).body.balanced).toBe(true);
  });

  test('is not reversed, by whoever asks: what it paid off is not owed again', async () => {
    const id = await nobodys(2_500_000n);
    const { body } = await assign(id, { wallet: 'ann' });
    const before = await world.balance('ann');
    const asked = await reverse(world.db, {
      groupId: `reversal:admin:${id}`,
      stepKey: 'create:admin:back',
      actor: { name: 'admin', admin: true },
      client: 'admin',
      reverses: body.id,
      amount: null,
      legs: null,
      reason: 'the wrong one',
      acceptBy: null,
    });
    expect(asked).toMatchObject({
      refusal: {
        code: 'WRONG_KIND',
        detail: expect.stringMatching(/move the money by a transfer/),
      },
    });
    expect(await world.balance('ann')).toEqual(before);
  });

  test('is done once, whoever asks at once, and a key gets its answer again', async () => {
    const id = await nobodys(3_000_000n);
    const asked = await Promise.all(
      Array.from({ length: 8 }, (_, at) => assign(id, { wallet: 'ann' }, `once-${at}`)),
    );
    const done = asked.filter(({ status }) => status === 201);
    expect(done).toHaveLength(1);
    const codes = asked.filter(({ status }) => status !== 201).map(({ body }) => body.code);
    expect(new Set(codes)).toEqual(new Set(['DEPOSIT_EXISTS']));
    const winner = `once-${asked.indexOf(done[0]!)}`;
    const again = await assign(id, { wallet: 'ann' }, winner);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.body).toEqual(done[0]?.body);
    const other = await assign(id, { wallet: 'ann-eth' }, winner);
    expect(other.body).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
      errors: [{ pointer: '/wallet' }],
    });
  });

  test('is refused for another asset, a closed or system wallet, and who may not', async () => {
    const id = await nobodys(4_000_000n);
    const codeOf = async (wallet: string, who?: TestClient) =>
      (await assign(id, { wallet }, undefined, who)).body.code;
    expect(await codeOf('ann-eth')).toBe('ASSET_MISMATCH');
    expect((await assign(id, { wallet: 'shut' }, 'same')).body.code).toBe('WALLET_NOT_OPEN');
    expect(await codeOf('shut')).toBe('WALLET_NOT_OPEN');
    expect(await codeOf('nobody')).toBe('WALLET_NOT_FOUND');
    expect(await codeOf('treasury:USDX')).toBe('FORBIDDEN');
    expect(await codeOf('unattributed:USDX', api.admin)).toBe('INVALID_REQUEST');
    expect(await codeOf('ann', shop)).toBe('FORBIDDEN');
    const missing = await assign('deposit:chain:none', { wallet: 'ann' });
    expect(missing.body).toMatchObject({ code: 'GROUP_NOT_FOUND' });
    // A key is its client's own, also where another's was refused under the same one.
    const own = await assign(id, { wallet: 'treasury:USDX' }, 'same', api.admin);
    expect(own.status).toBe(201);
  });

  test('waits until its block is final, under the same key', async () => {
    const id = await nobodys(5_000_000n, false);
    await world.database.owner.query('update chains set finalized_height = 1');
    expect((await assign(id, { wallet: 'ann' }, 'later')).body.code).toBe('CHAIN_DECIDES');
    await world.node.mine(3);
    await world.follow();
    await world.follow();
    expect((await assign(id, { wallet: 'ann' }, 'later')).status).toBe(201);
  });
});

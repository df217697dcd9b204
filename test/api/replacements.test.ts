/** POST /v1/withdrawals/{id}/speed-up and /cancel-on-chain. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createChainActivities } from '../../activities/chainActivities.ts';
import { createChainDoor } from '../../src/chains/door.ts';
import { depositXpub } from '../../src/withdrawals/developmentKeys.ts';
import { log } from '../chains/chainWorld.ts';
import { MNEMONIC } from '../chains/node.ts';
import { createPayWorld, DESTINATION, type PayWorld } from '../chains/payWorld.ts';
import { faultOf } from './money.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';
import { startTestWatcher } from './testWatcher.ts';

let world: PayWorld;
let api: TestApi;
let shop: TestClient;
let bank: TestClient;

beforeAll(async () => {
  world = await createPayWorld();
  const { db, chain, deps } = world;
  api = await createTestApi({
    database: world.database,
    sagas: true,
    chain: {
      door: createChainDoor({ db, chain, xpub: depositXpub(MNEMONIC) }),
      activities: createChainActivities(deps),
    },
  });
  shop = await api.client('shop', 'read', 'transfer');
  bank = await api.client('bank', 'read', 'operate');
  await world.database.owner.query('update chains set leased_by = null, leased_until = null');
  await startTestWatcher(api, { db, chain, log });
});

/** Asked for by a shop, and in no block. */
async function sent(key: string): Promise<string> {
  const { wallet } = await world.prepare('ETH', '0.5');
  await world.node.automine(false);
  const body = { wallet, amount: '0.5', destination: DESTINATION };
  const { body: group } = await shop.post('/v1/withdrawals', body, { key });
  await expect.poll(() => stateOf(group.id), { timeout: 15_000 }).toBe('broadcast');
  return group.id;
}

const pathOf = (id: string, act: string) => `/v1/withdrawals/${encodeURIComponent(id)}/${act}`;
const groupOf = async (id: string) =>
  (await shop.get(`/v1/transfers/${encodeURIComponent(id)}`)).body;
const stateOf = async (id: string) => (await groupOf(id)).withdrawal.state;
const kindsOf = async (id: string) =>
  (await groupOf(id)).withdrawal.attempts.map(({ kind }: { kind: string }) => kind);

describe('a payment that no block takes', () => {
  test('is sped up: 202, where to read it, and the same answer under the same key', async () => {
    const id = await sent('w1');
    const first = await bank.post(pathOf(id, 'speed-up'), { maxFee: '0.1' }, { key: 'k' });
    expect([first.status, first.body.withdrawal.state]).toEqual([202, 'replacing']);
    expect(first.headers.get('Location')).toBe(`/v1/transfers/${encodeURIComponent(id)}`);
    await expect.poll(() => kindsOf(id), { timeout: 15_000 }).toEqual(['payment', 'payment']);
    const again = await bank.post(pathOf(id, 'speed-up'), { maxFee: '0.10' }, { key: 'k' });
    expect([again.status, again.headers.get('Idempotency-Replayed')]).toEqual([202, 'true']);
    const other = await bank.post(pathOf(id, 'speed-up'), { maxFee: '0.2' }, { key: 'k' });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    await world.node.mine(4);
    await expect.poll(() => stateOf(id), { timeout: 15_000 }).toBe('settled');
    const late = await bank.post(pathOf(id, 'speed-up'), {}, { key: 'l' });
    expect([late.status, late.body.code]).toEqual([409, 'GROUP_NOT_OPEN']);
  });

  test('takes no highest fee of parts of a wei', async () => {
    const id = await sent('w3');
    for (const act of ['speed-up', 'cancel-on-chain']) {
      const asked = await bank.post(pathOf(id, act), { maxFee: '0.0000000000000000001' });
      expect(faultOf(asked)).toEqual([400, 'INVALID_AMOUNT', '/maxFee']);
    }
    expect(await stateOf(id)).toBe('broadcast');
    await world.node.mine(4);
    await expect.poll(() => stateOf(id), { timeout: 15_000 }).toBe('settled');
  });

  test('is cancelled on the chain: 202, then released with its reason', async () => {
    const id = await sent('w2');
    const asked = await bank.post(pathOf(id, 'cancel-on-chain'));
    expect([asked.status, asked.body.withdrawal.state]).toEqual([202, 'cancelling']);
    await expect.poll(() => kindsOf(id), { timeout: 15_000 }).toEqual(['payment', 'cancel']);
    // Signed is not sent: until the node has it, a block would take the payment.
    const outcome = async () => (await groupOf(id)).withdrawal.attempts[1].outcome;
    await expect.poll(outcome, { timeout: 15_000 }).toBe('broadcast');
    await world.node.mine(4);
    await expect.poll(() => stateOf(id), { timeout: 15_000 }).toBe('released');
    expect((await groupOf(id)).reason).toBe('CANCELLED_ON_CHAIN');
  });
});

describe.each(['speed-up', 'cancel-on-chain'])('POST …/%s', (act) => {
  test('is for operators, for withdrawals on a chain, and for those that are there', async () => {
    await api.admin.post('/v1/assets', { code: 'USD', scale: 2 });
    await api.admin.post('/v1/wallets', { id: `cash-${act}`, owner: 'o', asset: 'USD' });
    await bank.post('/v1/deposits', { wallet: `cash-${act}`, amount: '5' }, { key: `d-${act}` });
    const deposit = encodeURIComponent(`deposit:bank:d-${act}`);
    await bank.post(`/v1/deposits/${deposit}/confirm`, {});
    const body = { wallet: `cash-${act}`, amount: '1', destination: 'an account' };
    const cash = (await shop.post('/v1/withdrawals', body, { key: `cash-${act}` })).body.id;
    const answers = [
      await shop.post(pathOf(cash, act), {}),
      await bank.post(pathOf(cash, act), {}),
      await bank.post(pathOf('withdrawal:shop:none', act), {}),
      await bank.post(pathOf(cash, act), { maxFee: '0' }),
      await bank.post(pathOf(cash, act), {}, { key: null }),
    ];
    expect(answers.map(({ status, body: { code } }) => [status, code])).toEqual([
      [403, 'FORBIDDEN'],
      [409, 'WRONG_KIND'],
      [404, 'GROUP_NOT_FOUND'],
      [400, 'INVALID_AMOUNT'],
      [400, 'IDEMPOTENCY_KEY_REQUIRED'],
    ]);
  });
});

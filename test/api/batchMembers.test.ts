/** Every act of the API on withdrawals that are paid together, and on the batch that pays them. */
import { beforeAll, expect, test } from 'vitest';
import { createChainActivities } from '../../activities/chainActivities.ts';
import { createChainDoor } from '../../src/chains/door.ts';
import { createBatcher } from '../../src/withdrawals/batch.ts';
import { type BatchWorld, createBatchWorld, payee } from '../chains/batchWorld.ts';
import { log, XPUB } from '../chains/chainWorld.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';
import { startTestWatcher } from './testWatcher.ts';

let world: BatchWorld;
let api: TestApi;
let shop: TestClient;
let bank: TestClient;

beforeAll(async () => {
  world = await createBatchWorld();
  const { db, chain } = world;
  const batching = { ...world.batching, batches: { ...world.batching.batches, size: 2 } };
  api = await createTestApi({
    database: world.database,
    sagas: true,
    chain: {
      door: createChainDoor({ db, chain, xpub: XPUB }),
      activities: createChainActivities(world.together),
    },
  });
  shop = await api.client('shop', 'read', 'transfer');
  bank = await api.client('bank', 'read', 'operate', 'transfer');
  await world.database.owner.query('update chains set leased_by = null, leased_until = null');
  await startTestWatcher(api, { db, chain, log, batch: createBatcher(batching) });
});

const pathOf = (id: string, act: string) => `/v1/withdrawals/${encodeURIComponent(id)}/${act}`;
const transfer = (id: string, act = '') => `/v1/transfers/${encodeURIComponent(id)}${act}`;
const groupOf = async (id: string) => (await shop.get(transfer(id))).body;
const stateOf = async (id: string) => (await groupOf(id)).withdrawal.state;
const until = (id: string, state: string) =>
  expect.poll(() => stateOf(id), { timeout: 15_000 }).toBe(state);

async function ask(number: number): Promise<string> {
  const { wallet } = await world.prepare('ETH', '0.5');
  const destination = payee(1_000 + number);
  await world.node.markUsed(destination);
  const body = { wallet, amount: '0.5', destination };
  return (await shop.post('/v1/withdrawals', body, { key: `w${number}` })).body.id;
}

/** How each act but those on attempts is answered, by its code. */
async function answers(id: string): Promise<Record<string, string[]>> {
  const reason = { reason: 'r' };
  const legs = { legs: [{ wallet: 'w', type: 'DEBIT', amount: '1' }] };
  const acts: [string, object][] = [
    [pathOf(id, 'finalize'), {}],
    [pathOf(id, 'release'), reason],
    [pathOf(id, 'approve'), reason],
    [pathOf(id, 'reject'), reason],
    [transfer(id, '/legs'), legs],
    [transfer(id, '/settle'), {}],
    [transfer(id, '/release'), reason],
    [transfer(id, '/cancel'), reason],
    [transfer(id, '/extend'), { expiresIn: 60 }],
    [transfer(id, '/reverse'), reason],
  ];
  const answered: Record<string, string[]> = {};
  for (const [path, body] of acts) {
    const { status, body: problem } = await bank.post(path, body);
    const [kind, , act] = path.split('/').slice(2);
    const said = `${status} ${problem.code}`;
    answered[said] = [...(answered[said] ?? []), `${kind}/${act}`];
  }
  return answered;
}

const OF_WITHDRAWALS = ['finalize', 'release', 'approve', 'reject'].map((a) => `withdrawals/${a}`);
const OF_TRANSFERS = ['legs', 'settle', 'release', 'cancel', 'extend', 'reverse'].map(
  (act) => `transfers/${act}`,
);

test('a member is moved by its batch alone, and free again when that was cancelled', async () => {
  await world.node.automine(false);
  const [one, two] = [await ask(1), await ask(2)];
  await until(two, 'broadcast');
  const batch = await world.value<string>(
    'select batch_group_id from batch_members where group_id = $1',
    one,
  );
  const before = await groupOf(one);
  expect(await answers(one)).toEqual({
    '409 MAY_BE_ON_CHAIN': [...OF_WITHDRAWALS, ...OF_TRANSFERS],
  });
  for (const act of ['speed-up', 'cancel-on-chain']) {
    const { status, body } = await bank.post(pathOf(one, act));
    expect([status, body.code]).toEqual([409, 'WRONG_KIND']);
    expect(body.detail).toBe(
      `${one} is paid by ${batch}, together with others: ask that of the batch.`,
    );
  }
  expect(await groupOf(one)).toEqual(before);
  expect(await answers(batch)).toEqual({
    '409 WRONG_KIND': OF_WITHDRAWALS,
    '409 CHAIN_DECIDES': OF_TRANSFERS,
  });

  expect((await bank.post(pathOf(batch, 'speed-up'))).status).toBe(202);
  await expect
    .poll(async () => (await groupOf(one)).withdrawal.attempts.length, { timeout: 15_000 })
    .toBe(2);
  expect((await bank.post(pathOf(batch, 'cancel-on-chain'))).status).toBe(202);
  const last = async () => (await groupOf(one)).withdrawal.attempts[2];
  await expect.poll(last, { timeout: 15_000 }).toMatchObject({ outcome: 'broadcast' });
  expect(await last()).toMatchObject({ kind: 'cancel' });
  await world.node.mine(4);
  await until(batch, 'released');
  const given = await bank.post(pathOf(one, 'release'), { reason: 'not wanted any more' });
  expect([given.status, given.body.status]).toEqual([200, 'RELEASED']);
  await until(two, 'broadcast');
  await world.node.mine(4);
  await until(two, 'settled');
});

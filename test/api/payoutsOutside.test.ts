/** A list that pays wallets and addresses, through the API, sagas, batches and a real node. */
import { parseEther } from 'viem';
import { beforeAll, describe, expect, test } from 'vitest';
import { createChainActivities } from '../../activities/chainActivities.ts';
import { createChainDoor } from '../../src/chains/door.ts';
import { createBatcher } from '../../src/withdrawals/batch.ts';
import { type BatchWorld, createBatchWorld, PAYOUT, payee } from '../chains/batchWorld.ts';
import { HOT, log, XPUB } from '../chains/chainWorld.ts';
import { balanceOf, faultOf, pathOf } from './money.ts';
import { PATH, runPath } from './payoutDesk.ts';
import { createTestApi, type TestApi, type TestClient } from './testApi.ts';
import { startTestWatcher } from './testWatcher.ts';

const PATIENCE = { timeout: 60_000 };
const WAIT = { timeout: 25_000, interval: 100 };
const BATCHES = { contract: PAYOUT, waitSeconds: 1, size: 50 };

let world: BatchWorld;
let api: TestApi;
let desk: TestClient;
let bank: TestClient;
let payees = 5_000;

beforeAll(async () => {
  world = await createBatchWorld();
  const { db, chain } = world;
  api = await createTestApi({
    database: world.database,
    sagas: true,
    chain: {
      door: createChainDoor({ db, chain, xpub: XPUB }),
      activities: createChainActivities({ ...world.together, batches: BATCHES }),
    },
  });
  desk = await api.client('desk', 'read', 'transfer');
  bank = await api.client('bank', 'read', 'operate');
  await world.database.owner.query('update chains set leased_by = null, leased_until = null');
  const batch = createBatcher({ ...world.batching, batches: BATCHES });
  await startTestWatcher(api, { db, chain, log, batch });
  const rule = { asset: 'ETH', from: '2', approvals: 1 };
  expect((await api.admin.put('/v1/approval-rules/large', rule)).status).toBe(200);
});

/** A payer with so much, out of the treasury. */
async function payerWith(amount: string): Promise<string> {
  return (await world.prepare('ETH', amount)).wallet;
}

async function newPayee(): Promise<string> {
  const address = payee(payees++);
  await world.node.markUsed(address);
  return address;
}

const runOf = async (id: string) => (await desk.get(runPath(id))).body;
const linesOf = async (id: string) => (await desk.get(runPath(id, '/lines?limit=200'))).body.data;
const arrived = (address: string) => world.units(address, null);

/** Mines until the run satisfies; it is told to look, as it would by itself later. */
async function mineUntil(id: string, satisfies: (run: { status: string }) => boolean) {
  for (let looks = 0; looks < 100; looks += 1) {
    const run = await runOf(id);
    if (satisfies(run)) return run;
    await world.node.mine();
    await api.gateway.wake(id, 'ledgerChanged');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`still ${JSON.stringify(await runOf(id))}`);
}

/** A line of the answer. */
interface Line {
  groupId: string;
  status: string;
  state: string | null;
}

/** Wallets, addresses, one that reverts, one that waits, one for which nothing is left. */
async function tenLines() {
  const ours = await world.wallet('ours', 'ETH');
  for (const id of ['ann', 'bob']) await world.wallet(id, 'ETH');
  const [p1, p2, p3, p4, reverts = '', p6] = await Promise.all(
    Array.from({ length: 6 }, () => newPayee()),
  );
  const lines = [
    { wallet: 'ann', amount: '0.5' },
    { destination: p1, amount: '0.1' },
    { destination: p2, amount: '0.2', reference: 'bonus' },
    { wallet: 'bob', amount: '0.5' },
    { destination: p3, amount: '0.3' },
    { destination: ours, amount: '0.4' },
    { destination: p4, amount: '0.25', feeMode: 'customer', maxFee: '0.01' },
    { destination: reverts, amount: '1', feeMode: 'customer', maxFee: '0.01' },
    { destination: p6, amount: '3' },
    { wallet: 'ann', amount: '4' },
  ];
  const expected = { p1: '0.1', p2: '0.2', p3: '0.3', p4: '0.25', p6: '0' };
  const addresses: Record<string, string | undefined> = { p1, p2, p3, p4, p6 };
  const expectArrived = async () => {
    for (const [name, ether] of Object.entries(expected)) {
      expect(await arrived(addresses[name] ?? ''), name).toBe(parseEther(ether));
    }
    // What went to an address of ours is a deposit too.
    await expect.poll(() => balanceOf(api, 'ours'), WAIT).toEqual(['0.4', '0', '0']);
  };
  return { lines, reverts, expectArrived };
}

/** All but one are on their way, three of them in one transaction. */
async function expectSent(id: string): Promise<Line[]> {
  await expect.poll(async () => (await runOf(id)).lines.waiting, WAIT).toBe(0);
  expect(await runOf(id)).toMatchObject({ lines: { settled: 2, refused: 1, held: 7 } });
  const statesOf = async () =>
    (await linesOf(id)).map(({ status, state }: Line) => state ?? status);
  const sent = Array.from({ length: 4 }, () => 'broadcast');
  await expect
    .poll(statesOf, WAIT)
    .toEqual([
      ...['settled', 'broadcast', 'broadcast', 'settled'],
      ...[...sent, 'awaiting_approval', 'refused'],
    ]);
  expect((await runOf(id)).withdrawals).toMatchObject({ awaitingApproval: 1, sent: 6 });
  const together = `select count(*)::integer from batch_members
    where starts_with(group_id, 'payout:desk:ten:')`;
  expect(await world.value(together), 'these go in one transaction').toBe(3);
  return linesOf(id);
}

describe('a list with addresses', PATIENCE, () => {
  test('is refused whole where one of them cannot be paid, with every fault named', async () => {
    const wallet = await payerWith('1');
    const good = await newPayee();
    const lines = [
      { destination: good, amount: '0.1' },
      { destination: '0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed', amount: '0.1' },
      { destination: 'ann', amount: '0.1' },
      { destination: world.usdx, amount: '0.1' },
      { destination: HOT, amount: '0.1' },
      { destination: `0x${'0'.repeat(40)}`, amount: '0.1' },
      { destination: good, amount: `0.${'1'.repeat(19)}` },
      { wallet: 'nobody', amount: '0.1' },
    ];
    const answer = await desk.post(PATH, { wallet, lines });
    expect(faultOf(answer)).toEqual([
      400,
      'INVALID_AMOUNT',
      ...[1, 2, 3, 4, 5].map((line) => `/lines/${line}/destination`),
      '/lines/6/amount',
      '/lines/7/wallet',
    ]);
    const bad = async (more: object, expected: [number, string, ...string[]]) => {
      const body = { wallet, lines: [{ destination: good, amount: '0.1' }], ...more };
      expect(faultOf(await desk.post(PATH, body))).toEqual(expected);
    };
    const invalid = (...pointers: string[]) =>
      [400, 'INVALID_REQUEST', ...pointers] as [number, string, ...string[]];
    await bad({ lines: lines.slice(1, 3) }, [
      400,
      'INVALID_DESTINATION',
      '/lines/0/destination',
      '/lines/1/destination',
    ]);
    await bad({ lines: lines.slice(3, 4) }, [
      422,
      'DESTINATION_NOT_ALLOWED',
      '/lines/0/destination',
    ]);
    await bad({ lines: [{ amount: '1' }] }, invalid('/lines/0'));
    await bad(
      { lines: [{ wallet: 'a', destination: good, amount: '1' }] },
      invalid('/lines/0/destination'),
    );
    await bad(
      { lines: [{ wallet: 'a', feeMode: 'customer', maxFee: '1', amount: '1' }] },
      invalid('/lines/0/feeMode', '/lines/0/maxFee'),
    );
    await bad({ feeMode: 'customer' }, invalid('/lines/0/maxFee'));
    await bad({ maxFee: '1' }, invalid('/maxFee'));
    await bad(
      { lines: [{ destination: good, amount: '1', maxFee: '1' }] },
      invalid('/lines/0/maxFee'),
    );
    await bad({ lines: lines.slice(7), expiresIn: 60 }, invalid('/expiresIn'));
    expect(await balanceOf(api, wallet)).toEqual(['1', '0', '0']);
    const { body: list } = await desk.get(PATH);
    expect(list.data).toEqual([]);
  });

  test('pays each where it goes, and is done when the last has ended', async () => {
    await world.node.automine(false);
    const wallet = await payerWith('10');
    const { lines, reverts, expectArrived } = await tenLines();
    const body = { wallet, lines, reference: 'wages' };
    const { status, body: opened } = await desk.post(PATH, body, { key: 'ten' });
    expect([status, opened.total]).toEqual([201, '10.25']);
    const { id } = opened;
    const sent = await expectSent(id);
    expect(sent[2]).toMatchObject({ reference: 'bonus', wallet: null });
    expect(sent[9]).toMatchObject({ code: 'INSUFFICIENT_FUNDS', wallet: 'ann' });
    const { body: second } = await desk.get(pathOf(sent[1]?.groupId ?? ''));
    expect(second).toMatchObject({
      kind: 'withdrawal',
      reference: 'wages',
      metadata: { payoutRun: id, line: 2 },
      workflowId: sent[1]?.groupId,
    });
    await world.node.rpc('anvil_setCode', reverts, '0x60006000fd');
    await world.node.automine(true);
    const reject = `/v1/withdrawals/${encodeURIComponent(sent[8]?.groupId ?? '')}/reject`;
    expect((await bank.post(reject, { reason: 'not hers' })).status).toBe(200);
    expect(await mineUntil(id, (run) => run.status !== 'RUNNING')).toMatchObject({
      status: 'DONE',
      paid: '2.25',
      lines: { total: 10, settled: 7, refused: 1, released: 2, held: 0, waiting: 0 },
    });
    const ended = await linesOf(id);
    expect(ended[7]).toMatchObject({
      status: 'released',
      code: 'REVERTED',
      detail: 'The chain reverted the payment; the amount came back.',
    });
    expect(ended[8]).toMatchObject({ status: 'released', code: 'CANCELLED' });
    await expectArrived();
    expect((await world.balance(wallet)).held).toBe('0');
    const again = await desk.post(PATH, body, { key: 'ten' });
    expect([again.status, again.body]).toEqual([201, opened]);
    await world.expectWhole();
  });

  test('gives back what is not signed when it is cancelled, and waits for the chain', async () => {
    await world.node.automine(false);
    const wallet = await payerWith('5');
    const lines = [
      { destination: await newPayee(), amount: '0.5' },
      { destination: await newPayee(), amount: '2' },
      { destination: await newPayee(), amount: '2.1' },
    ];
    const { body: opened } = await desk.post(PATH, { wallet, lines }, { key: 'stop' });
    const { id } = opened;
    const line = async () => (await desk.get(pathOf(`payout:desk:stop:1`))).body.links?.temporalUi;
    await expect.poll(line, WAIT).toContain('payout%3Adesk%3Astop%3A1');
    await expect
      .poll(async () => (await runOf(id)).withdrawals, WAIT)
      .toMatchObject({
        awaitingApproval: 2,
        sent: 1,
      });
    const stop = () => desk.post(runPath(id, '/cancel'), { reason: 'wrong' }, { key: 'stop' });
    const answer = await stop();
    expect([answer.status, answer.body]).toMatchObject([
      200,
      { status: 'CANCELLING', reason: 'wrong', lines: { released: 2, held: 1 } },
    ]);
    expect(await balanceOf(api, wallet)).toEqual(['4.5', '0', '0.5']);
    const again = await desk.post(runPath(id, '/cancel'), { reason: 'again' });
    expect(faultOf(again)).toEqual([409, 'GROUP_NOT_OPEN']);
    await world.node.automine(true);
    expect(await mineUntil(id, (run) => run.status === 'CANCELLED')).toMatchObject({
      reason: 'wrong',
      paid: '0.5',
      lines: { settled: 1, released: 2 },
    });
    expect((await stop()).body).toEqual(answer.body);
    await world.expectWhole();
  });

  test('shows in the list of runs and by status', async () => {
    const { body: list } = await desk.get(`${PATH}?status=CANCELLING`);
    expect(list.data).toEqual([]);
    const held = await desk.get(runPath('payoutRun:desk:ten', '/lines?status=held'));
    expect(held.body.data).toEqual([]);
    const released = await desk.get(runPath('payoutRun:desk:ten', '/lines?status=released'));
    expect(released.body.data).toHaveLength(2);
  });
});

describe('a chain that nobody follows here', () => {
  test('takes no list for it, and lists for wallets all the same', async () => {
    await api.admin.post('/v1/assets', { code: 'FAR', scale: 2, chain: 'eip155:1' });
    for (const id of ['far', 'near']) {
      await api.admin.post('/v1/wallets', { id, owner: id, asset: 'FAR' });
    }
    const out = [{ destination: payee(1), amount: '1' }];
    expect(faultOf(await desk.post(PATH, { wallet: 'far', lines: out }))).toEqual([
      503,
      'CHAIN_UNAVAILABLE',
    ]);
    const answer = await desk.post(PATH, {
      wallet: 'far',
      lines: [{ wallet: 'near', amount: '1' }],
    });
    expect(answer.status).toBe(201);
  });
});

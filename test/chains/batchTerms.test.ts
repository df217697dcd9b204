/** The equation of the books and the chain while a batch is under way: each term, exactly. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { type BatchWorld, createBatchWorld, payee } from './batchWorld.ts';

let world: BatchWorld;
let payees = 300;

beforeAll(async () => {
  world = await createBatchWorld();
  await world.node.mine(3);
  await world.follow();
});

beforeEach(async () => {
  await world.node.automine(true);
});

/** What is not zero of an asset, and no drift of any. */
async function terms(asset: string) {
  const lines = await reconcileChain(world.db, world.port);
  expect(lines.map(({ drift, missing, surplus }) => [drift, missing, surplus])).toEqual([
    ['0', '0', '0'],
    ['0', '0', '0'],
  ]);
  const { external: _, ...rest } = lines.find((line) => line.asset === asset)?.terms ?? {};
  return Object.fromEntries(Object.entries(rest).filter(([, amount]) => amount !== '0'));
}

async function sent(asset: string, amounts: readonly string[]) {
  const ids = await world.waiting(
    amounts.map((amount) => ({ asset, amount, destination: payee(payees++) })),
  );
  const [batch = ''] = await world.open();
  expect(await terms(asset)).toEqual({});
  await world.sign(batch);
  await world.send(batch);
  return { ids, batch };
}

const final = (asset: string, rule: string) =>
  world.database.owner.query('update assets set final = $2 where code = $1', [asset, rule]);
const FEE = expect.stringMatching(/^-0\.000\d+$/);
const FEE_AHEAD = expect.stringMatching(/^0\.000\d+$/);

it.each([
  ['ETH', ['1', '2.5'], { paymentsNotSettled: '-3.5', feesNotBooked: FEE }],
  ['USDX', ['4', '4', '0.5'], { paymentsNotSettled: '-8.5' }],
])('of %s, while it is final and not settled', async (asset, amounts, open) => {
  const { batch } = await sent(asset, amounts);
  await world.node.mine(3);
  await world.follow();
  expect(await terms(asset)).toEqual(open);
  expect(await terms('ETH')).toMatchObject({ feesNotBooked: FEE });
  expect(await world.look(batch)).toMatchObject({ status: 'SETTLED' });
  expect([await terms(asset), await terms('ETH')]).toEqual([{}, {}]);
});

it.each([
  ['ETH', ['1', '2.5'], { paymentsAhead: '3.5', feesAhead: FEE_AHEAD }],
  ['USDX', ['4', '4', '0.5'], { paymentsAhead: '8.5' }],
])('of %s, while it is settled and its block is not final', async (asset, amounts, ahead) => {
  await final(asset, '1');
  const { batch } = await sent(asset, amounts);
  expect(await world.look(batch)).toMatchObject({ status: 'SETTLED' });
  expect(await terms(asset)).toEqual(ahead);
  expect(await terms('ETH')).toMatchObject({ feesAhead: FEE_AHEAD });
  await final(asset, '"finalized"');
  await world.expectWhole();
});

it('while it is in a block that failed, and when it has ended', async () => {
  const destination = payee(payees++);
  const ids = await world.waiting([
    { amount: '1', destination },
    { amount: '2', destination: payee(payees++) },
  ]);
  const [batch = ''] = await world.open();
  await world.node.automine(false);
  await world.sign(batch);
  await world.send(batch);
  await world.node.rpc('anvil_setCode', destination, '0x60006000fd');
  await world.node.mine(3);
  await world.follow();
  expect(await terms('ETH')).toEqual({ feesNotBooked: FEE });
  await world.look(batch);
  await world.look(batch);
  expect(await world.states([batch, ...ids])).toEqual(['released', 'held', 'held']);
  expect(await terms('ETH')).toEqual({});
  await world.expectWhole();
});

it('while a settled one has lost its block, and when it is in the chain again', async () => {
  await final('ETH', '1');
  const { batch, ids } = await sent('ETH', ['1', '2.5']);
  expect(await world.look(batch)).toMatchObject({ status: 'SETTLED' });
  const raw = await world.value<string>(
    'select bytes from withdrawal_attempts where group_id = $1',
    batch,
  );
  await world.node.reorg(1);
  expect(await world.follow()).toMatchObject({ turn: 'halted' });
  expect(await terms('ETH')).toEqual({ paymentsAhead: '3.5', feesAhead: FEE_AHEAD });
  await world.database.owner.query('update chain_halts set until = now()');
  await world.node.resend(raw);
  await world.follow();
  expect(await terms('ETH')).toMatchObject({ paymentsAhead: '3.5' });
  await final('ETH', '"finalized"');
  await world.expectWhole();
  expect(await world.states(ids)).toEqual(['settled', 'settled']);
});

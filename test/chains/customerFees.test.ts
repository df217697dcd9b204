/** Who pays the network: the customer up to what he agreed to, the platform for the rest. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { addAmounts, negateAmount } from '../../src/contracts/amounts.ts';
import { cancelOnChain } from '../../src/ledger/replaceAttempt.ts';
import { followWithdrawal, replaceWithdrawal } from '../../src/withdrawals/pay.ts';
import { createPayWorld, type PayWorld, SHOP } from './payWorld.ts';

let world: PayWorld;

beforeAll(async () => {
  world = await createPayWorld();
});

beforeEach(async () => {
  await world.node.automine(true);
});

const feeOf = (id: string) =>
  world.value<string>(
    `select amount_text(n.fee) from attempt_inclusions n
     join withdrawal_attempts p on p.id = n.attempt_id where p.group_id = $1 and n.canonical`,
    id,
  );

const networkFees = async () => {
  const known = await world.value<boolean>(
    "select exists (select from wallets where id = 'network-fees:ETH')",
  );
  return known ? (await world.balance('network-fees:ETH')).settled : '0';
};

async function settle(id: string) {
  await world.sign(id);
  await world.send(id);
  await world.look(id);
  await world.node.mine(3);
  return world.look(id);
}

it('holds up to maxFee beside the amount, takes the fee, and gives the rest back', async () => {
  const before = await networkFees();
  const { id, wallet } = await world.withdraw('ETH', '1', { customerFee: '0.01' });
  expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '1.01' });
  const settled = await settle(id);
  expect(settled).toMatchObject({ status: 'SETTLED' });
  const fee = await feeOf(id);
  expect(settled.legs.map(({ settled: part }) => part)).toEqual(['1', '1', fee, fee]);
  const left = addAmounts('0.01', negateAmount(fee));
  expect(await world.balance(wallet)).toMatchObject({ available: left, held: '0' });
  expect(await networkFees()).toBe(before);
  await world.expectReconciled();
});

it('takes no more than maxFee: what exceeds it is the platform’s', async () => {
  const before = await networkFees();
  const { id, wallet } = await world.withdraw('ETH', '1', { customerFee: '0.000000001' });
  expect((await settle(id)).status).toBe('SETTLED');
  expect(await world.balance(wallet)).toMatchObject({ available: '0', held: '0', settled: '0' });
  const paid = addAmounts(before, negateAmount(await networkFees()));
  expect(paid).toBe(addAmounts(await feeOf(id), '-0.000000001'));
  await world.expectReconciled();
});

it('takes the fee of a reverted payment, and gives the principal back', async () => {
  const destination = '0x6666666666666666666666666666666666666666';
  const { id, wallet } = await world.withdraw('ETH', '1', { destination, customerFee: '0.01' });
  await world.node.automine(false);
  await world.sign(id);
  await world.node.rpc('anvil_setCode', destination, '0x60006000fd');
  await world.send(id);
  await world.node.mine(3);
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED', reason: 'REVERTED' });
  const left = addAmounts('1.01', negateAmount(await feeOf(id)));
  expect(await world.balance(wallet)).toMatchObject({ available: left, held: '0' });
  await world.expectReconciled();
});

it('takes nothing for a cancellation, which the platform pays', async () => {
  const before = await networkFees();
  const { id, wallet } = await world.withdraw('ETH', '1', { customerFee: '0.01' });
  await world.node.automine(false);
  await world.sign(id);
  await world.send(id);
  const step = { groupId: id, stepKey: 'cancelOnChain:bank:1', actor: SHOP };
  await cancelOnChain(world.db, { ...step, maxFee: null });
  await followWithdrawal(world.deps, id);
  await replaceWithdrawal(world.deps, id);
  await world.send(id);
  await world.node.mine(3);
  expect((await world.look(id)).status).toBe('RELEASED');
  expect(await world.balance(wallet)).toMatchObject({ available: '1.01', held: '0' });
  expect(addAmounts(before, negateAmount(await networkFees()))).toBe(await feeOf(id));
  await world.expectReconciled();
});

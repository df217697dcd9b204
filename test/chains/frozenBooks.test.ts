/** Wallets of the system that an operator froze: what the chain has cost is not passed over. */
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { cancelOnChain } from '../../src/ledger/replaceAttempt.ts';
import { setWalletStatus } from '../../src/ledger/wallets.ts';
import { replaceWithdrawal } from '../../src/withdrawals/pay.ts';
import { type OpenNonceActs, openNonceActs } from './openNonceWorld.ts';
import { createPayWorld, type PayWorld, SHOP } from './payWorld.ts';

let world: PayWorld & OpenNonceActs;

beforeAll(async () => {
  const paying = await createPayWorld();
  world = { ...paying, ...(await openNonceActs(paying)) };
});

beforeEach(() => world.node.automine(true));

const set = (id: string, status: 'FROZEN' | 'OPEN') =>
  setWalletStatus(world.db, { id, status, reason: 'counting', actor: 'ann' });

async function paid(asset: string, amount: string): Promise<string> {
  const { id } = await world.withdraw(asset, amount);
  await world.sign(id);
  await world.send(id);
  return id;
}

it('a fee waits until it can be booked, and its payment with it', async () => {
  // The wallet comes with the first fee.
  expect(await world.look(await paid('ETH', '0.1'))).toMatchObject({ status: 'SETTLED' });
  expect(await set('network-fees:ETH', 'FROZEN')).toHaveProperty('wallet');
  const id = await paid('USDX', '3');
  await expect(world.look(id)).rejects.toThrow(
    /the fee of inclusion \d+ cannot be booked: Wallet network-fees:ETH is FROZEN\./,
  );
  await set('network-fees:ETH', 'OPEN');
  expect(await world.look(id)).toMatchObject({ status: 'SETTLED' });
  await world.expectReconciled();
});

it('a payment that comes late is booked as soon as it can be', async () => {
  await world.node.automine(false);
  const id = await paid('ETH', '0.2');
  const step = { groupId: id, stepKey: 'cancelOnChain:bank:1', actor: SHOP };
  await cancelOnChain(world.db, { ...step, maxFee: null });
  await replaceWithdrawal(world.deps, id);
  await world.send(id);
  await world.node.mine();
  expect(await world.look(id)).toMatchObject({ status: 'RELEASED' });
  await world.dropBlocks(1);
  expect(await set('shortfall:ETH', 'FROZEN')).toHaveProperty('wallet');
  const [{ bytes = '' } = {}] = await world.attempts(id, 'payment');
  await world.node.resend(bytes);
  await world.node.mine();
  await expect(world.follow()).rejects.toThrow(
    /which had ended, cannot be booked: Wallet shortfall:ETH is FROZEN\./,
  );
  await set('shortfall:ETH', 'OPEN');
  await world.follow();
  expect(await world.balance('shortfall:ETH')).toMatchObject({ settled: '-0.2' });
  await world.expectReconciled();
});

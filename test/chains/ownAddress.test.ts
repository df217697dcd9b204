/** A withdrawal to an address of ours is one payment and one deposit, never neither. */
import { expect, it } from 'vitest';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { chainDepositId } from '../../src/contracts/ids.ts';
import { createSagaWorld } from './sagaWorld.ts';

it('a withdrawal to a deposit address pays, and is credited there', async () => {
  const world = await createSagaWorld(600);
  await world.watch();
  const destination = await world.wallet('receiver', 'ETH');
  const input = await world.prepare('ETH', '1', { destination });
  await world.sagas.gateway.start('chainWithdrawal', input, 20_000);
  const sent = await world.groupWhen(input.groupId, (group) =>
    ['broadcast', 'in_block', 'confirmed'].includes(group?.withdrawal?.state ?? ''),
  );
  const [attempt] = sent.withdrawal?.attempts ?? [];
  await world.node.mine(5);
  const depositId = chainDepositId(world.port.chain, attempt?.txid ?? '', 'native', 1);
  const paid = await world.groupWhen(input.groupId, (group) => group?.status === 'SETTLED');
  const credited = await world.groupWhen(depositId, (group) => group?.status === 'SETTLED');
  expect(paid.withdrawal?.attempts).toHaveLength(1);
  expect(credited.legs.map(({ settled }) => settled)).toEqual(['1', '1']);
  expect(await world.balance('receiver')).toMatchObject({ available: '1', held: '0' });
  expect(await world.balance(input.wallet)).toMatchObject({ available: '0', held: '0' });
  const deposits =
    "select count(*)::integer from transfer_groups where kind = 'deposit' and client <> 'test'";
  expect(await world.value(deposits)).toBe(1);
  await world.node.mine(3);
  const drifts = async () =>
    (await reconcileChain(world.db, world.port)).map(({ asset, drift }) => [asset, drift]);
  await expect.poll(drifts, { timeout: 10_000 }).toEqual([
    ['ETH', '0'],
    ['USDX', '0'],
  ]);
});

/** An asset that is paused: what is on its way waits, is seen to wait, and goes on by itself. */
import { expect, it } from 'vitest';
import { chainDepositId } from '../../src/contracts/ids.ts';
import { patchAsset } from '../../src/ledger/assets.ts';
import { openWithdrawal } from '../../src/ledger/openWithdrawal.ts';
import type { SagaStatus } from '../../workflows/acts.ts';
import { createSagaWorld } from './sagaWorld.ts';

const WAIT_MS = 20_000;

it('a paused asset refuses new withdrawals; held ones and deposits wait, then go on', async () => {
  const world = await createSagaWorld(600);
  const { db } = world;
  const [held, refused] = [await world.prepare('ETH', '1'), await world.prepare('ETH', '1')];
  expect((await openWithdrawal(db, held)).outcome).toBe('done');
  const address = await world.wallet('depositor', 'ETH');
  await patchAsset(db, 'ETH', { withdrawalsPaused: true, depositsPaused: true });

  expect(await openWithdrawal(db, refused)).toMatchObject({ refusal: { code: 'ASSET_PAUSED' } });
  await world.sagas.gateway.start('chainWithdrawal', held, WAIT_MS);
  const { txid } = await world.node.send({ to: address, wei: 10n ** 18n });
  const deposit = chainDepositId(world.port.chain, txid, 'native', 1);
  await world.node.mine(5);
  await world.watch();
  const nextOf = async (id: string) => {
    const handle = world.sagas.client.workflow.getHandle(id);
    return (await handle.query<SagaStatus>('status').catch(() => ({ next: '' }))).next;
  };
  await expect.poll(() => nextOf(held.groupId), { timeout: WAIT_MS }).toMatch(/ETH are paused/);
  await expect.poll(() => nextOf(deposit), { timeout: WAIT_MS }).toMatch(/ETH are paused/);
  const paused = await world.groupWhen(held.groupId, (group) => group !== null);
  expect(paused.withdrawal).toMatchObject({ state: 'awaiting_funds', attempts: [] });
  expect(await world.balance('depositor')).toMatchObject({ available: '0', pendingIn: '1' });

  await patchAsset(db, 'ETH', { withdrawalsPaused: false, depositsPaused: false });
  await Promise.all([
    world.groupWhen(held.groupId, (group) => (group?.withdrawal?.attempts.length ?? 0) > 0),
    world.groupWhen(deposit, (group) => group?.status === 'SETTLED'),
  ]);
  expect(await world.balance('depositor')).toMatchObject({ available: '1', pendingIn: '0' });
}, 60_000);

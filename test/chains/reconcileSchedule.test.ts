/** The comparison of the books with the chain as the schedule runs it. */
import { beforeAll, expect, it } from 'vitest';
import type { ReconcileTold } from '../../activities/reconcileActivities.ts';
import { RECONCILE_SCHEDULE_ID } from '../../src/contracts/sagas.ts';
import { readAsset } from '../../src/ledger/assets.ts';
import { ensureReconcileSchedule } from '../../src/temporal/schedule.ts';
import { HOT } from './chainWorld.ts';
import { createSagaWorld, type SagaWorld } from './sagaWorld.ts';

let world: SagaWorld;

beforeAll(async () => {
  world = await createSagaWorld(600);
});

it('runs by a schedule, pauses what is short, and shows where and why', async () => {
  const { client } = world.sagas;
  const now = BigInt(await world.node.rpc<string>('eth_getBalance', HOT, 'latest'));
  await world.node.rpc('anvil_setBalance', HOT, `0x${(now - 1n).toString(16)}`);
  await world.node.mine(3);
  const watcher = await world.watch();
  await expect
    .poll(() => world.value('select finalized_height::integer from chains'), { timeout: 10_000 })
    .toBeGreaterThan((await world.node.height()) - 3);

  await ensureReconcileSchedule(client);
  // Every process that starts asks for it; an operator's changes stay.
  const schedule = client.schedule.getHandle(RECONCILE_SCHEDULE_ID);
  await schedule.pause('looking');
  await ensureReconcileSchedule(client);
  expect((await schedule.describe()).state).toMatchObject({ paused: true, note: 'looking' });

  await schedule.trigger();
  const started = async () => (await schedule.describe()).info.recentActions[0]?.action.workflow;
  await expect.poll(started, { timeout: 10_000 }).toBeDefined();
  const handle = client.workflow.getHandle((await started())?.workflowId ?? '');
  const told = (await handle.result()) as ReconcileTold;
  expect(told).toMatchObject({ above: ['ETH'], paused: ['ETH'] });
  expect(told.lines[0]).toMatchObject({
    asset: 'ETH',
    missing: '0.000000000000000001',
    places: [{ address: HOT.toLowerCase(), kind: 'hot', cause: 'missing_coins' }],
  });
  expect(await readAsset(world.db, 'ETH')).toMatchObject({ withdrawalsPaused: true });
  const who = 'select paused_by from asset_pauses';
  expect(await world.value(who)).toBe(RECONCILE_SCHEDULE_ID);
  await watcher.stop();
});

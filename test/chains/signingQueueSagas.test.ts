/** More withdrawals at once than may be in no block: block by block, by hints and not by timers. */
import { beforeAll, expect, it } from 'vitest';
import { createSagaWorld, type SagaWorld } from './sagaWorld.ts';

const IN_FLIGHT = 2;
const COUNT = 7;

let world: SagaWorld;

beforeAll(async () => {
  world = await createSagaWorld(600, { inFlight: IN_FLIGHT });
  await world.watch();
});

it('pays all of them in as many blocks as they need', async () => {
  await world.node.automine(false);
  const inputs = [];
  for (let each = 0; each < COUNT; each++) inputs.push(await world.prepare('ETH', '0.01'));
  await Promise.all(
    inputs.map((input) => world.sagas.gateway.start('chainWithdrawal', input, 20_000)),
  );
  const ids = inputs.map(({ groupId }) => groupId);
  const sent = `select count(*)::integer from withdrawals where group_id = any($1)
    and state in ('broadcast', 'in_block', 'confirmed', 'settled')`;
  for (let paid = IN_FLIGHT; paid < COUNT + IN_FLIGHT; paid += IN_FLIGHT) {
    await expect
      .poll(() => world.value<number>(sent, ids), { timeout: 20_000, interval: 50 })
      .toBe(Math.min(paid, COUNT));
    await world.node.mine(1);
  }
  await world.node.mine(3);
  for (const id of ids) await world.groupWhen(id, (group) => group?.status === 'SETTLED');
  for (const id of ids) {
    const { events } = await world.sagas.client.workflow.getHandle(id).fetchHistory();
    expect(events?.filter((event) => event.timerFiredEventAttributes)).toEqual([]);
  }
});

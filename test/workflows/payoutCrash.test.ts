/** A worker that dies while it pays the lines of a run. */
import { beforeAll, describe, expect, it } from 'vitest';
import { startSagas } from '../../src/temporal/sagas.ts';
import { doneRun } from '../ledger/payoutInputs.ts';
import { createPayoutSagas, type PayoutSagas } from './payoutWorld.ts';
import { balanceOf, childWorker, WAIT_MS, type World } from './world.ts';

/** Temporal hands an activity on when its worker has been silent for its heartbeat's time. */
const HAND_OVER_MS = 60_000;

let world: World;
let payouts: PayoutSagas;
beforeAll(async () => {
  payouts = await createPayoutSagas();
  world = payouts.world;
});

describe('the saga of a payout run', () => {
  it('goes on at another worker where one was killed in the middle', {
    timeout: HAND_OVER_MS,
  }, async () => {
    const { payer, input } = await payouts.listOf('killed', 1_000);
    await world.sagas.stop();
    const { died } = await childWorker(world, 'ledger_take_steps');
    const door = await startSagas({ ...world.options, work: false });
    doneRun(await door.gateway.openPayoutRun(input, WAIT_MS));
    expect(await died).toEqual([null, 'SIGKILL']);
    await door.stop();
    const left = Number((await balanceOf(world, payer)).settled);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(1_000);
    expect((await payouts.stateOf(input.runId)).lines.settled).toBe(0);
    await world.restart();
    await payouts.handleOf(input.runId).result();
    await payouts.expectAllPaid(input.runId, payer, 1_000);
  });
});

/**
 * A worker that is killed in the middle of a call of the node is noticed by its silence: found by
 * chain storm 1, whose withdrawals stood still for the 90 seconds that such a call may take.
 */
import { once } from 'node:events';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, it } from 'vitest';
import { heartbeats } from '../../src/temporal/heartbeats.ts';

it('tells that its worker is alive for as long as an activity takes', async () => {
  const environment = new MockActivityEnvironment({}, { interceptors: [heartbeats] });
  let beats = 0;
  environment.on('heartbeat', () => {
    beats += 1;
  });
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  await environment.run(async () => {
    await once(environment, 'heartbeat');
  });
  expect(beats).toBe(1);
  expect(timers(), 'it tells no longer').toBeLessThanOrEqual(before);
});

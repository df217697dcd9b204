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
  await environment.run(async () => {
    await once(environment, 'heartbeat');
  });
  expect(beats).toBe(1);
});

it('tells nothing any more of an activity that has ended', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  for (let ended = 0; ended < 10; ended += 1) {
    const environment = new MockActivityEnvironment({}, { interceptors: [heartbeats] });
    await environment.run(async () => {});
  }
  expect(timers() - before).toBeLessThan(5);
});

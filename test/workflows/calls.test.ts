/** Calls of Temporal, one by one: how each ends. */
import { beforeAll, expect, it } from 'vitest';
import { createLog } from '../../src/observability/log.ts';
import { callUntil } from '../../src/temporal/calls.ts';
import { connectTemporal, type Temporal } from '../../src/temporal/client.ts';
import { installRuntime } from '../../src/temporal/runtime.ts';
import { atFileEnd } from '../support/borrow.ts';
import { temporalAddress, temporalNamespace } from '../support/testServers.ts';

let temporal: Temporal;
beforeAll(async () => {
  const log = createLog('silent');
  installRuntime(log);
  temporal = await connectTemporal({
    address: await temporalAddress(),
    namespace: await temporalNamespace(),
    identity: 'calls',
    log,
  });
  atFileEnd(() => temporal.close());
});

it('ends at its deadline, whatever becomes of it', async () => {
  const never = new Promise<never>(() => {});
  const call = callUntil(temporal.connection, Date.now() + 20, () => never);
  await expect(call).rejects.toThrow('did not answer in time');
});

it('leaves nothing that waits for the deadline once it has ended', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const call = (n: number) =>
    callUntil(temporal.connection, Date.now() + 60_000, () => Promise.resolve(n));
  for (let n = 0; n < 20; n += 1) expect(await call(n)).toBe(n);
  expect(timers() - before).toBeLessThan(10);
});

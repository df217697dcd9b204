/** The gate before a node: many may ask at the same time, and nobody while its chain is changed. */
import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startProxy } from '../../src/chains/faults/proxy.ts';
import { createGate } from '../../src/dev/storm/gate.ts';
import { atFileEnd } from '../support/borrow.ts';
import { rpcUrl } from '../support/testServers.ts';

const CALL = { method: 'eth_call', url: 'http://127.0.0.1:1' };

/** Writes down when it came to its end, and how. */
function noting(told: string[]) {
  return (name: string, promise: Promise<unknown>) =>
    promise.then(
      () => told.push(name),
      () => told.push(`${name} failed`),
    );
}

it('lets many in, and somebody alone when the last of them has left', async () => {
  const gate = createGate();
  const told: string[] = [];
  const note = noting(told);
  const leave = await Promise.all([gate.enter(CALL), gate.enter(CALL)]);
  const alone = note(
    'alone',
    gate.alone(async () => told.push('works')),
  );
  const late = note('late', gate.enter(CALL));
  await setImmediate();
  leave[0]();
  await setImmediate();
  expect(told).toEqual([]);
  leave[1]();
  await Promise.all([alone, late]);
  expect(told).toEqual(['works', 'alone', 'late']);
});

it('is open for others when the work has failed', async () => {
  const gate = createGate();
  await expect(gate.alone(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  const leave = await gate.enter(CALL);
  leave();
  expect(await gate.alone(async () => 'yes')).toBe('yes');
});

it('names the call that does not end, and is open for others then', async () => {
  const gate = createGate(20);
  const leave = await gate.enter(CALL);
  await gate.enter({ ...CALL, method: 'eth_getLogs' });
  leave();
  await expect(gate.alone(async () => 'never')).rejects.toThrow(
    "The chain's node hangs: no answer for 0.02 s to eth_getLogs of http://127.0.0.1:1.",
  );
  await gate.enter(CALL);
});

it('never lets two be alone at once, nor anybody in between', async () => {
  const gate = createGate();
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await setImmediate();
    inside -= 1;
  };
  const ask = async () => {
    const leave = await gate.enter(CALL);
    expect(inside).toBe(0);
    await setImmediate();
    leave();
  };
  await Promise.all(Array.from({ length: 60 }, (_, at) => (at % 3 ? ask() : gate.alone(work))));
  expect(most).toBe(1);
});

it('stands before the node and not before the proxy, and is left after a failure too', async () => {
  const gate = createGate();
  const proxy = await startProxy({
    upstreams: [await rpcUrl(), 'http://127.0.0.1:1'],
    enter: gate.enter,
  });
  atFileEnd(() => proxy.stop());
  const ask = async (method: string) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [] });
    const answer = await fetch(proxy.url, { method: 'POST', body });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
  };
  const told: string[] = [];
  const note = noting(told);
  const { promise: changed, resolve: open } = Promise.withResolvers<void>();
  const changing = gate.alone(() => changed);
  const asked = note('asked', ask('eth_blockNumber'));
  proxy.add({ kind: 'status', status: 503, methods: ['eth_chainId'] });
  // Several round trips: as long as an answer of the node would have taken.
  for (let each = 0; each < 5; each++) await note('struck', ask('eth_chainId'));
  expect(told).toEqual(Array(5).fill('struck failed'));
  open();
  await Promise.all([changing, asked]);
  expect(told.at(-1)).toBe('asked');
  proxy.add({ kind: 'upstream', upstream: 1, methods: ['eth_gasPrice'] });
  await note('nowhere', ask('eth_gasPrice'));
  expect(await gate.alone(async () => told.at(-1))).toBe('nowhere failed');
});

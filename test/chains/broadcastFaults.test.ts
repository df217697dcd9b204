/** What became of sent bytes is not known: a node in front of which anything may get lost. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectChain } from '../../src/chains/connection.ts';
import { type FaultProxy, startProxy } from '../../src/chains/faults/proxy.ts';
import { speedUp } from '../../src/ledger/replaceAttempt.ts';
import {
  broadcastWithdrawal,
  followWithdrawal,
  replaceWithdrawal,
} from '../../src/withdrawals/pay.ts';
import type { PayDeps } from '../../src/withdrawals/payDeps.ts';
import { atFileEnd } from '../support/borrow.ts';
import { createPayWorld, DESTINATION, type PayWorld, SHOP } from './payWorld.ts';

const SEND = ['eth_sendRawTransaction'];

let world: PayWorld;
let proxy: FaultProxy;
/** The same wallet, its node seen through the proxy. */
let faulty: PayDeps;

beforeAll(async () => {
  world = await createPayWorld();
  proxy = await startProxy({ upstreams: [world.rpcUrl] });
  atFileEnd(() => proxy.stop());
  faulty = { ...world.deps, chain: connectChain(proxy.url) };
});

beforeEach(async () => {
  proxy.clear();
  await world.node.automine(true);
});

const destinationWei = async () =>
  BigInt(await world.node.rpc<string>('eth_getBalance', DESTINATION, 'latest'));

const broadcast = async (id: string) => (await broadcastWithdrawal(faulty, id)).group.withdrawal;

async function signed() {
  const { id } = await world.withdraw('ETH', '0.5');
  await world.sign(id);
  return { id, before: await destinationWei() };
}

/** Paid, once. */
async function expectPaid(id: string, before: bigint) {
  await world.node.mined();
  await world.node.mine(3);
  expect((await world.look(id)).status).toBe('SETTLED');
  expect((await destinationWei()) - before).toBe(5n * 10n ** 17n);
  await world.expectReconciled();
}

describe('sending', () => {
  it('is accepted and the reply is lost: unknown, sent again, paid once', async () => {
    const { id, before } = await signed();
    proxy.add({ kind: 'dropAfter', methods: SEND });
    expect(await broadcast(id)).toMatchObject({ state: 'broadcast_unknown' });
    proxy.clear();
    expect((await broadcast(id))?.state).toBe('broadcast');
    await expectPaid(id, before);
  });

  it.each([
    ['429', { kind: 'status', methods: SEND, status: 429 } as const],
    ['503', { kind: 'status', methods: SEND, status: 503 } as const],
    ['a closed connection', { kind: 'drop', methods: SEND } as const],
  ])('meets %s: unknown, held, and paid when the node is back', async (_, fault) => {
    const { id, before } = await signed();
    proxy.add(fault);
    expect(await broadcast(id)).toMatchObject({ state: 'broadcast_unknown' });
    expect((await world.look(id)).status).toBe('IN_PROGRESS');
    proxy.clear();
    expect((await broadcast(id))?.state).toBe('broadcast');
    await expectPaid(id, before);
  });

  it('is accepted and lost by the node: sent again until a block has it', async () => {
    const { id, before } = await signed();
    proxy.add({ kind: 'swallow', methods: SEND });
    expect((await broadcast(id))?.state).toBe('broadcast');
    for (let block = 0; block < 10; block++) await world.node.mine();
    expect((await world.look(id)).withdrawal).toMatchObject({ confirmations: 0 });
    proxy.clear();
    await broadcast(id);
    await expectPaid(id, before);
  });

  it('of known bytes is as good as accepted', async () => {
    const { id, before } = await signed();
    await world.node.automine(false);
    proxy.add({ kind: 'gethPool', methods: SEND });
    expect((await broadcast(id))?.state).toBe('broadcast');
    proxy.add({ kind: 'error', methods: SEND, message: 'already known' });
    expect((await broadcast(id))?.state).toBe('broadcast');
    await world.node.automine(true);
    await expectPaid(id, before);
  });

  it('with a spent nonce is looked up: it is one of our own attempts', async () => {
    const { id, before } = await signed();
    await world.node.automine(false);
    await broadcast(id);
    const step = { groupId: id, stepKey: 'speedUp:bank:1', actor: SHOP };
    await speedUp(world.db, { ...step, maxFee: null });
    await followWithdrawal(faulty, id);
    await replaceWithdrawal(faulty, id);
    // The first attempt is mined; the node then refuses the second, whose id it does not know.
    await world.node.mine();
    proxy.add({ kind: 'error', methods: SEND, message: 'nonce too low' });
    const { group, why } = await broadcastWithdrawal(faulty, id);
    expect([group.withdrawal?.attempts[1]?.outcome, why]).toEqual(['broadcast', null]);
    await expectPaid(id, before);
  });

  it('of a replacement that a node finds too cheap is unknown: a dearer one follows', async () => {
    const { id, before } = await signed();
    await world.node.automine(false);
    await broadcast(id);
    const message = 'replacement transaction underpriced';
    proxy.add({ kind: 'error', methods: SEND, times: 1, message });
    const bumping = { ...faulty, bumpAfterSeconds: 0 };
    expect((await followWithdrawal(bumping, id)).replace).toBe(true);
    await replaceWithdrawal(bumping, id);
    expect((await broadcastWithdrawal(faulty, id)).why).toMatch(/underpriced/);
    expect((await followWithdrawal(bumping, id)).replace).toBe(true);
    await replaceWithdrawal(bumping, id);
    const attempts = (await broadcast(id))?.attempts ?? [];
    expect(attempts.map(({ outcome }) => outcome)).toEqual([
      'broadcast',
      'broadcast_unknown',
      'broadcast',
    ]);
    const [, second, third] = attempts.map(({ fees }) => BigInt(fees.maxFeePerGas));
    expect((third ?? 0n) * 1_000n).toBeGreaterThanOrEqual((second ?? 0n) * 1_125n);
    await world.node.automine(true);
    await expectPaid(id, before);
  });
});

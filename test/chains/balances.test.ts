/** Balances of many addresses at once are what the node tells of each, by far fewer calls. */
import { toHex } from 'viem';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import {
  balancesCode,
  MOST_TOGETHER,
  readBalances,
} from '../../src/chains/evm/balancesTogether.ts';
import { type FaultProxy, startProxy } from '../../src/chains/faults/proxy.ts';
import { BalanceUnreadable, type ChainPort } from '../../src/chains/port.ts';
import { ChainUnavailable } from '../../src/contracts/chain.ts';
import { atFileEnd } from '../support/borrow.ts';
import { type ChainWorld, createChainWorld } from './chainWorld.ts';
import { STRANGER } from './node.ts';

/** One more than fits two calls. */
const MANY = Array.from({ length: 2 * MOST_TOGETHER + 1 }, (_, at) => addressOf(at + 0x10_000));
/** Their first byte is 0xef, which no contract's code may begin with. */
const LARGE = 0xefn << 120n;

let world: ChainWorld;
let proxy: FaultProxy;
let port: ChainPort;

beforeAll(async () => {
  world = await createChainWorld();
  for (const [at, address] of MANY.entries()) {
    if (at % 3 === 0) await world.node.rpc('anvil_setBalance', address, toHex(LARGE + BigInt(at)));
    if (at % 50 === 0) {
      await world.node.rpc('anvil_dealERC20', address, world.usdx, toHex(BigInt(at + 1)));
    }
  }
  await world.node.mine();
  await world.node.mine();
});

beforeEach(async () => {
  proxy = await startProxy({ upstreams: [world.rpcUrl] });
  atFileEnd(() => proxy.stop());
  port = await connectEvm(proxy.url);
});

function addressOf(number: number): string {
  return `0x${number.toString(16).padStart(40, '0')}`;
}

const oneByOne = (contract: string | null, height: number) =>
  Promise.all(MANY.map((address) => world.port.balanceOf(address, contract, height)));

describe('balances of many addresses', () => {
  it('are those of each, of coins and of a token, three calls for a thousand', async () => {
    const { hash, height } = await port.head();
    for (const contract of [null, world.usdx]) {
      const before = proxy.calls();
      const read = await port.balancesOf(MANY, contract, { hash });
      expect(proxy.calls() - before).toBe(3);
      expect(read).toEqual(await oneByOne(contract, height));
      expect(read.filter((units) => units > 0n).length).toBeGreaterThan(10);
    }
  });

  it('are of the block that was asked for, and of none that is gone', async () => {
    const address = STRANGER.address.toLowerCase();
    const before = await port.head();
    const [had] = await port.balancesOf([address], null, before);
    await world.node.send({ to: addressOf(1), wei: 5n });
    const { hash } = await port.head();
    const [has = 0n] = await port.balancesOf([address], null, { hash });
    expect(has).toBeLessThan(had ?? 0n);
    expect(await port.balancesOf([address], null, before.height)).toEqual([had]);
    await world.node.reorg(1);
    const gone = await port.balancesOf(MANY.slice(0, 3), null, { hash }).catch((error) => error);
    expect(gone).toBeInstanceOf(ChainUnavailable);
    expect(gone).not.toBeInstanceOf(BalanceUnreadable);
  });

  it('of nobody are no call, and of one address twice the same', async () => {
    const before = proxy.calls();
    expect(await port.balancesOf([], null, 1)).toEqual([]);
    expect(proxy.calls()).toBe(before);
    const [address = ''] = MANY;
    const { hash } = await port.head();
    expect(await port.balancesOf([address, address], null, { hash })).toEqual([LARGE, LARGE]);
  });

  it.each([
    ['refuses such a call', { kind: 'error', message: 'to is required' }],
    ['answers it by nothing', { kind: 'answer', result: '0x' }],
    ['answers it by one word', { kind: 'answer', result: `0x${'0'.repeat(64)}` }],
  ] as const)('are asked for one by one where the node %s', async (_, fault) => {
    const { hash, height } = await port.head();
    // Calls of the code alone: what a token is asked has a target.
    proxy.add({ ...fault, methods: ['eth_call'], containing: balancesCode([], null).slice(0, 60) });
    const some = MANY.slice(0, 7);
    for (const contract of [null, world.usdx]) {
      const read = await port.balancesOf(some, contract, { hash });
      expect(read).toEqual((await oneByOne(contract, height)).slice(0, 7));
    }
  });

  it('are not guessed where the node does not answer in the middle', async () => {
    const { hash } = await port.head();
    proxy.add({ kind: 'drop', methods: ['eth_call'], from: 2, times: 2 });
    await expect(port.balancesOf(MANY, null, { hash })).rejects.toThrow(ChainUnavailable);
    expect(await port.balancesOf(MANY, null, { hash })).toHaveLength(MANY.length);
  });

  it('of a token that tells none are refused by one question more', async () => {
    const { hash } = await port.head();
    const before = proxy.calls();
    const gone = port.balancesOf(MANY, addressOf(0x77_777), { hash });
    await expect(gone).rejects.toThrow(BalanceUnreadable);
    expect(proxy.calls() - before).toBe(2);
  });
});

it('an answer that does not count what was asked for is no answer', () => {
  const word = (value: number) => value.toString(16).padStart(64, '0');
  const answerOf = (...words: number[]) => `0x${words.map(word).join('')}`;
  expect(readBalances(answerOf(32, 2, 5, 0), 2)).toEqual([5n, 0n]);
  for (const answer of ['', '0x', answerOf(32, 1, 5, 0), answerOf(32, 2, 5), answerOf(2, 5, 0)]) {
    expect(readBalances(answer, 2)).toBeNull();
  }
});

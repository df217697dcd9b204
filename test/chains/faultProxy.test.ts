/** The proxy in front of a real node: what each fault does to whoever asks. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type FaultProxy, startProxy } from '../../src/chains/faults/proxy.ts';
import { readScript } from '../../src/chains/faults/script.ts';
import { atFileEnd } from '../support/borrow.ts';
import { rpcUrl } from '../support/testServers.ts';
import { type Node, openNode, STRANGER } from './node.ts';

const RECEIVER = '0x1111111111111111111111111111111111111111';
const GWEI = 10n ** 9n;

let node: Node;
let proxy: FaultProxy;

interface Answer {
  id?: number;
  result?: unknown;
  error?: { message: string };
  status?: number;
}

/** One HTTP request, without a client that tries again. */
async function ask(method: string, ...params: unknown[]): Promise<Answer> {
  const signal = AbortSignal.timeout(1_000);
  const response = await fetch(proxy.url, {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }),
    signal,
  });
  if (!response.ok) return { status: response.status };
  return (await response.json()) as Answer;
}

const height = async () => Number((await ask('eth_blockNumber')).result);

beforeAll(async () => {
  const [url, other] = await Promise.all([rpcUrl(), rpcUrl()]);
  node = openNode(url);
  proxy = await startProxy({ upstreams: [url, other] });
  atFileEnd(() => proxy.stop());
});

beforeEach(() => proxy.clear());

describe('without faults', () => {
  it("is the node's voice, also for batches", async () => {
    const before = proxy.calls();
    expect(await ask('eth_chainId')).toMatchObject({ id: 7, result: '0x7a69' });
    const batch = [1, 2].map((id) => ({ jsonrpc: '2.0', id, method: 'eth_chainId', params: [] }));
    const answer = await fetch(proxy.url, { method: 'POST', body: JSON.stringify(batch) });
    expect(await answer.json()).toMatchObject([
      { id: 1, result: '0x7a69' },
      { id: 2, result: '0x7a69' },
    ]);
    expect((await ask('eth_noSuchThing')).error?.message).toMatch(/not found/i);
    expect(proxy.calls() - before).toBe(4);
    expect(proxy.calls('eth_noSuchThing')).toBe(1);
  });
});

describe('a fault strikes', () => {
  it('by method, content and count, and not after it was lifted', async () => {
    const fault = proxy.add({
      kind: 'status',
      status: 429,
      methods: ['eth_getBalance'],
      containing: RECEIVER.toUpperCase().replace('0X', ''),
      from: 2,
      times: 1,
    });
    expect(await ask('eth_getBalance', STRANGER.address, 'latest')).toHaveProperty('result');
    const asked: Answer[] = [];
    for (let time = 0; time < 3; time++)
      asked.push(await ask('eth_getBalance', RECEIVER, 'latest'));
    expect(asked.map(({ status }) => status)).toEqual([undefined, 429, undefined]);
    expect(fault.strikes).toBe(1);
    const lifted = proxy.add({ kind: 'status', status: 503 });
    expect(await ask('eth_chainId')).toEqual({ status: 503 });
    lifted.lift();
    expect(await ask('eth_chainId')).toMatchObject({ result: '0x7a69' });
  });

  it('by chance, and a seed says when', async () => {
    const pattern = async (seed: number) => {
      const fault = { kind: 'answer', result: 'struck', chance: 0.5 } as const;
      const dice = await startProxy({ upstreams: [proxy.url], seed, faults: [fault] });
      const struck: boolean[] = [];
      for (let call = 0; call < 20; call++) {
        const body = JSON.stringify({ id: 1, method: 'eth_chainId', params: [] });
        const answer = await fetch(dice.url, { method: 'POST', body });
        struck.push(((await answer.json()) as { result: string }).result === 'struck');
      }
      await dice.stop();
      return struck;
    };
    const first = await pattern(4);
    expect(new Set(first).size).toBe(2);
    expect(await pattern(4)).toEqual(first);
    expect(await pattern(5)).not.toEqual(first);
  });

  it('is refused where it is none, by the field', () => {
    expect(() => readScript([{ kind: 'delay' }])).toThrow(/milliseconds/);
    expect(() => readScript([{ kind: 'explode' }])).toThrow(/kind/);
    expect(() => readScript({ kind: 'drop' })).toThrow(/list of faults/);
  });
});

describe('the connection', () => {
  it('is late, closed, silent or an HTTP status', async () => {
    proxy.add({ kind: 'delay', milliseconds: 50, times: 1 });
    const before = performance.now();
    await ask('eth_chainId');
    expect(performance.now() - before).toBeGreaterThan(45);
    proxy.add({ kind: 'drop', times: 1 });
    await expect(ask('eth_chainId')).rejects.toThrow(/fetch failed/);
    proxy.add({ kind: 'timeout', times: 1 });
    await expect(ask('eth_chainId')).rejects.toThrow(/timeout/);
    proxy.add({ kind: 'status', status: 500, times: 1 });
    expect(await ask('eth_chainId')).toEqual({ status: 500 });
  });

  it('closes after the node has taken the call, where it drops the reply', async () => {
    const before = await node.height();
    proxy.add({ kind: 'drop', methods: ['anvil_mine'], times: 1 });
    await expect(ask('anvil_mine', '0x1')).rejects.toThrow();
    expect(await node.height()).toBe(before);
    proxy.add({ kind: 'dropAfter', methods: ['anvil_mine'], times: 1 });
    await expect(ask('anvil_mine', '0x1')).rejects.toThrow();
    expect(await node.height()).toBe(before + 1);
  });
});

describe('the answer', () => {
  it('is another one, an error, part of a list, or says that logs were removed', async () => {
    proxy.add({ kind: 'answer', methods: ['eth_chainId'], result: '0x1', times: 1 });
    expect((await ask('eth_chainId')).result).toBe('0x1');
    proxy.add({ kind: 'error', message: 'header not found', times: 1 });
    expect((await ask('eth_chainId')).error).toEqual({ code: -32000, message: 'header not found' });
    await node.send({ to: RECEIVER, wei: 1n });
    const receipts = async () => (await ask('eth_getBlockReceipts', 'latest')).result as object[];
    expect(await receipts()).toHaveLength(1);
    proxy.add({ kind: 'partial', keep: 0, times: 1 });
    expect(await receipts()).toEqual([]);
    proxy.add({ kind: 'removed', times: 1 });
    expect((await receipts())[0]).toMatchObject({ removed: true });
  });

  it("is another node's, where two of them disagree", async () => {
    await node.mine(3);
    expect(await height()).toBe(await node.height());
    proxy.add({ kind: 'upstream', upstream: 1, times: 1 });
    expect(await height()).toBe(0);
    expect(await height()).toBe(await node.height());
  });

  it('stands still with the head, and jumps when the fault ends', async () => {
    await node.mine(5);
    const head = await node.height();
    const stale = proxy.add({ kind: 'staleHead', behind: 2 });
    expect(await height()).toBe(head - 2);
    await node.mine(4);
    expect(await height()).toBe(head - 2);
    const at = async (tag: string) =>
      (await ask('eth_getBlockByNumber', tag, false)).result as { number: string } | null;
    expect(Number((await at('latest'))?.number)).toBe(head - 2);
    expect(await at(`0x${(head - 1).toString(16)}`)).toBeNull();
    const { txid } = await node.send({ to: RECEIVER, wei: 1n });
    expect((await ask('eth_getTransactionReceipt', txid)).result).toBeNull();
    stale.lift();
    expect(await height()).toBe(head + 5);
    expect((await ask('eth_getTransactionReceipt', txid)).result).not.toBeNull();
  });
});

describe('a pool like the one of geth', () => {
  const signed = async (nonce: number, gwei: bigint, to = RECEIVER) =>
    STRANGER.signTransaction({
      type: 'eip1559',
      chainId: 31337,
      nonce,
      gas: 21_000n,
      maxFeePerGas: (100n * GWEI * gwei) / 100n,
      maxPriorityFeePerGas: (10n * GWEI * gwei) / 100n,
      to: to as `0x${string}`,
      value: 1n,
    });
  const send = async (raw: string) => {
    const { result, error } = await ask('eth_sendRawTransaction', raw);
    return result ?? error?.message;
  };

  it("has geth's words, and wants ten per cent more for a replacement", async () => {
    proxy.add({ kind: 'gethPool' });
    await node.automine(false);
    const next = Number(await node.rpc('eth_getTransactionCount', STRANGER.address, 'latest'));
    const first = await signed(next, 100n);
    expect(await send(first)).toMatch(/^0x/);
    expect(await send(first)).toBe('already known');
    expect(await send(await signed(next, 109n))).toBe('replacement transaction underpriced');
    const better = await send(await signed(next, 110n));
    expect(better).toMatch(/^0x/);
    await node.mine();
    await node.automine(true);
    expect((await ask('eth_getTransactionReceipt', better)).result).not.toBeNull();
    expect(await send(first)).toBe(`nonce too low: next nonce ${next + 1}, tx nonce ${next}`);
  });

  it('accepts and loses, where it swallows', async () => {
    proxy.add({ kind: 'swallow', times: 1 });
    const next = Number(await node.rpc('eth_getTransactionCount', STRANGER.address, 'latest'));
    const raw = await signed(next, 100n);
    const txid = await send(raw);
    expect((await ask('eth_getTransactionByHash', txid)).result).toBeNull();
    expect(await send(raw)).toBe(txid);
    await node.mined();
    expect((await ask('eth_getTransactionByHash', txid)).result).not.toBeNull();
  });
});

it('takes faults over HTTP while it runs', async () => {
  const faults = `${proxy.url}/faults`;
  const fault = { kind: 'answer', methods: ['eth_chainId'], result: '0x2' };
  await fetch(faults, { method: 'POST', body: JSON.stringify(fault) });
  expect((await ask('eth_chainId')).result).toBe('0x2');
  expect(await (await fetch(faults)).json()).toMatchObject([{ ...fault, strikes: 1 }]);
  const refused = await fetch(faults, { method: 'POST', body: '{"kind": "explode"}' });
  expect(refused.status).toBe(400);
  await fetch(faults, { method: 'DELETE' });
  expect((await ask('eth_chainId')).result).toBe('0x7a69');
});

/** Native coins that contracts pay out, by each tracer of a real node, and where tracing fails. */
import { type Abi, encodeFunctionData, parseAbi } from 'viem';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectEvm } from '../../src/chains/evm/adapter.ts';
import type { TraceMode } from '../../src/chains/evm/traces.ts';
import { type FaultProxy, startProxy } from '../../src/chains/faults/proxy.ts';
import { BlockUnreadable, type ChainPort, type Watch } from '../../src/chains/port.ts';
import { compileContract } from '../../src/dev/chain/compile.ts';
import { deploy } from '../../src/dev/chain/token.ts';
import { atFileEnd } from '../support/borrow.ts';
import { rpcUrl } from '../support/testServers.ts';
import { type Node, openNode, STRANGER } from './node.ts';

const SPLITTER = parseAbi([
  'function payOut(address to, uint256 value)',
  'function payAndFail(address to, uint256 value)',
  'function payThrice(address to, uint256 value)',
  'function end(address to)',
]);
const ONE = '0x1111111111111111111111111111111111111111';
const MODES = ['debug', 'trace'] as const;
const METHOD = { debug: 'debug_traceBlockByHash', trace: 'trace_block' } as const;
const WATCH: Watch = {
  contracts: [],
  native: true,
  ours: async (addresses) => new Set(addresses.filter((address) => address === ONE)),
  sent: async () => new Set(),
};

let node: Node;
let proxy: FaultProxy;
let splitter: string;
const ports = new Map<TraceMode, ChainPort>();

async function headTransfers(mode: TraceMode, watch = WATCH) {
  const port = ports.get(mode)!;
  return (await port.eventsOf(await port.head(), watch)).transfers;
}

/** Calls the splitter, in a block of its own. */
async function call(functionName: string, ...args: unknown[]) {
  const data = encodeFunctionData({ abi: SPLITTER as Abi, functionName, args });
  const sent = await node.send({ to: splitter, data });
  const receipt = await node.rpc<{ status: string }>('eth_getTransactionReceipt', sent.txid);
  return { ...sent, succeeded: receipt.status === '0x1' };
}

beforeAll(async () => {
  const url = await rpcUrl();
  node = openNode(url);
  proxy = await startProxy({ upstreams: [url] });
  atFileEnd(() => proxy.stop());
  const source = new URL('./contracts/Splitter.sol', import.meta.url);
  splitter = await deploy(url, STRANGER, compileContract(source, 'Splitter').bytecode);
  await node.send({ to: splitter, wei: 1_000_000n });
  for (const traces of ['debug', 'trace', 'none'] as const) {
    ports.set(traces, await connectEvm(proxy.url, { traces }));
  }
});

beforeEach(() => proxy.clear());

describe.each(MODES)('with %s', (mode) => {
  it('sees what a contract pays out, and the transaction itself as before', async () => {
    const { txid } = await call('payOut', ONE, 7n);
    expect(await headTransfers(mode)).toEqual([
      {
        txid,
        ordinal: 'native.0',
        contract: null,
        from: splitter.toLowerCase(),
        to: ONE,
        units: 7n,
      },
    ]);
    const plain = await node.send({ to: ONE, wei: 3n });
    expect(await headTransfers(mode)).toMatchObject([
      { txid: plain.txid, ordinal: 'native', units: 3n },
    ]);
  });

  it('does not see what an inner call paid and took back by failing', async () => {
    const { succeeded } = await call('payThrice', ONE, 10n);
    expect(succeeded).toBe(true);
    expect((await headTransfers(mode)).map(({ ordinal, units }) => [ordinal, units])).toEqual([
      ['native.1', 11n],
      ['native.2.0', 12n],
    ]);
  });

  it('sees nothing where the transaction failed', async () => {
    const { succeeded } = await call('payAndFail', ONE, 5n);
    expect(succeeded).toBe(false);
    expect(await headTransfers(mode)).toEqual([]);
  });

  it('sees coins that a contract left behind when it ended', async () => {
    const { txid } = await call('end', ONE);
    const left = await headTransfers(mode);
    expect(left).toMatchObject([{ txid, to: ONE }]);
    expect(left[0]?.units).toBeGreaterThan(0n);
    await node.send({ to: splitter, wei: 1_000_000n });
  });

  it('asks for no traces where no code ran, or the native coin is not registered', async () => {
    const before = proxy.calls(METHOD[mode]);
    await node.send({ to: ONE, wei: 3n });
    expect(await headTransfers(mode)).toHaveLength(1);
    await call('payOut', ONE, 7n);
    expect(await headTransfers(mode, { ...WATCH, native: false })).toEqual([]);
    expect(proxy.calls(METHOD[mode])).toBe(before);
    expect(await headTransfers(mode)).toHaveLength(1);
    expect(proxy.calls(METHOD[mode])).toBe(before + 1);
  });

  it.each([
    ['refuses', { kind: 'error', message: 'historical state is not available' }],
    ['answers null', { kind: 'answer', result: null }],
    ['answers an empty list', { kind: 'partial', keep: 0 }],
  ] as const)('does not take a block for empty where the node %s', async (_, fault) => {
    await call('payOut', ONE, 7n);
    proxy.add({ ...fault, methods: [METHOD[mode]] });
    await expect(headTransfers(mode)).rejects.toThrow(BlockUnreadable);
    await expect(headTransfers(mode)).rejects.toThrow(/cannot be traced.*CHAIN_TRACES=none/);
    proxy.clear();
    expect(await headTransfers(mode)).toHaveLength(1);
  });
});

it('tells the same places by both tracers', async () => {
  await call('payThrice', ONE, 20n);
  expect(await headTransfers('debug')).toEqual(await headTransfers('trace'));
});

it('does not believe traces of another block of that height', async () => {
  await call('payOut', ONE, 7n);
  const result = await node.rpc<object[]>('trace_block', 'latest');
  const other = result.map((trace) => ({ ...trace, blockHash: `0x${'ab'.repeat(32)}` }));
  proxy.add({ kind: 'answer', methods: ['trace_block'], result: other as never });
  await expect(headTransfers('trace')).rejects.toThrow(/traces are of block 0xabab/);
});

describe('what the node offers', () => {
  const missing = (method: string) =>
    proxy.add({ kind: 'error', methods: [method], code: -32601, message: 'Method not found' });
  const blindSpots = async () => (await connectEvm(proxy.url)).blindSpots;

  it('is asked at the start: debug, else trace, else it is said what is not seen', async () => {
    expect(await blindSpots()).toEqual([]);
    missing('debug_traceBlockByHash');
    expect(await blindSpots()).toEqual([]);
    missing('trace_block');
    expect(await blindSpots()).toEqual([expect.stringContaining('inner call')]);
    await call('payOut', ONE, 7n);
    expect(await headTransfers('none')).toEqual([]);
  });

  it('is not taken for nothing where it offers traces and fails', async () => {
    proxy.add({ kind: 'error', methods: ['debug_traceBlockByHash'], message: 'missing trie node' });
    await expect(connectEvm(proxy.url)).rejects.toThrow(/offers traces and gives none/);
    expect((await connectEvm(proxy.url, { traces: 'none' })).blindSpots).toHaveLength(1);
  });
});

/** The EVM adapter on a real node, and its pure parts against published examples. */
import { encodeFunctionData, parseAbi, toHex } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import { mayContain } from '../../src/chains/evm/bloom.ts';
import { readTransferLog, TRANSFER_TOPIC } from '../../src/chains/evm/erc20.ts';
import { checkLogs, type RawLog } from '../../src/chains/evm/receipts.ts';
import type { BlockRef, Watch } from '../../src/chains/port.ts';
import { ChainUnavailable } from '../../src/contracts/chain.ts';
import { compileContract } from '../../src/dev/chain/compile.ts';
import { deploy } from '../../src/dev/chain/token.ts';
import { type ChainWorld, createChainWorld } from './chainWorld.ts';
import { STRANGER } from './node.ts';

const SPLITTER = parseAbi([
  'function split(address token, address one, address two, uint256 value)',
  'function forge(address to, uint256 value)',
  'function payOut(address to, uint256 value)',
]);
const ONE = '0x1111111111111111111111111111111111111111';
const TWO = '0x2222222222222222222222222222222222222222';

let world: ChainWorld;
let splitter: string;

/** Watches two addresses and the registered token. */
function watch(own: string[] = [ONE, TWO]): Watch {
  return {
    contracts: [world.usdx],
    native: true,
    ours: async (addresses) => new Set(addresses.filter((address) => own.includes(address))),
    sent: async () => new Set(),
  };
}

async function headEvents(own?: string[]) {
  return world.port.eventsOf(await world.port.head(), watch(own));
}

function splitterCall(functionName: 'split' | 'forge' | 'payOut', args: readonly unknown[]) {
  const data = encodeFunctionData({ abi: SPLITTER, functionName, args: args as never });
  return world.node.send({ to: splitter, data });
}

beforeAll(async () => {
  world = await createChainWorld();
  const source = new URL('./contracts/Splitter.sol', import.meta.url);
  const { bytecode } = compileContract(source, 'Splitter');
  splitter = await deploy(world.rpcUrl, STRANGER, bytecode);
  await world.node.rpc('anvil_dealERC20', splitter, world.usdx, toHex(1_000_000n));
  await world.node.send({ to: splitter, wei: 5n });
});

describe('events of a block', () => {
  it('tells two logs of one transaction apart by their place in the receipt', async () => {
    const { txid } = await splitterCall('split', [world.usdx, ONE, TWO, 700n]);
    expect((await headEvents()).transfers).toEqual([
      {
        txid,
        ordinal: '0',
        contract: world.usdx,
        from: splitter.toLowerCase(),
        to: ONE,
        units: 700n,
      },
      {
        txid,
        ordinal: '1',
        contract: world.usdx,
        from: splitter.toLowerCase(),
        to: TWO,
        units: 700n,
      },
    ]);
  });

  it('keeps the place of an event where the block has other logs before it', async () => {
    await world.node.automine(false);
    await splitterCall('split', [world.usdx, ONE, TWO, 1n]);
    const { txid } = await splitterCall('split', [world.usdx, TWO, ONE, 2n]);
    await world.node.mine();
    await world.node.automine(true);
    const { transfers } = await headEvents([ONE]);
    expect(transfers.filter((transfer) => transfer.txid === txid)).toMatchObject([
      { ordinal: '1', to: ONE, units: 2n },
    ]);
  });

  it('does not take a log of another contract for money', async () => {
    await world.node.automine(false);
    await splitterCall('forge', [ONE, 999n]);
    const { txid } = await splitterCall('split', [world.usdx, ONE, TWO, 3n]);
    await world.node.mine();
    await world.node.automine(true);
    const { transfers } = await headEvents();
    expect(transfers.map((transfer) => [transfer.txid, transfer.units])).toEqual([
      [txid, 3n],
      [txid, 3n],
    ]);
  });

  it('does not see a token that is not registered', async () => {
    await splitterCall('split', [world.usdx, ONE, TWO, 1n]);
    const head = await world.port.head();
    const { transfers } = await world.port.eventsOf(head, { ...watch(), contracts: [] });
    expect(transfers).toEqual([]);
  });

  it('answers nothing, rather than too little, for a block that the node lost', async () => {
    await world.node.send({ to: ONE, wei: 3n });
    const dropped: BlockRef = await world.port.head();
    await world.node.reorg(1);
    await expect(world.port.eventsOf(dropped, watch())).rejects.toThrow(ChainUnavailable);
  });
});

describe('logs and receipts that do not agree', () => {
  const log: RawLog = {
    address: ONE,
    topics: [TRANSFER_TOPIC],
    data: '0x01',
    transactionHash: '0xaa',
    logIndex: '0x0',
    blockHash: '0xbb',
  };
  const block: BlockRef = { height: 1, hash: '0xbb', parentHash: '0xcc' };

  it.each([
    ['logs are missing', [], [log]],
    ['logs are too many', [log, log], [log]],
    ['a log says something else', [{ ...log, data: '0x02' }], [log]],
    ['a log was removed', [{ ...log, removed: true }], [log]],
  ])('are not believed where %s', (_, byHash, inReceipts) => {
    expect(() => checkLogs(block, byHash, inReceipts)).toThrow(ChainUnavailable);
  });

  it('may come in another order', () => {
    const other = { ...log, data: '0x02' };
    expect(() => checkLogs(block, [log, other], [other, log])).not.toThrow();
  });
});

it("finds in a header's bloom what the block holds, and mostly not what it does not", async () => {
  await splitterCall('split', [world.usdx, ONE, TWO, 1n]);
  const { logsBloom } = await world.node.rpc<{ logsBloom: string }>(
    'eth_getBlockByNumber',
    'latest',
    false,
  );
  expect(mayContain(logsBloom, world.usdx)).toBe(true);
  expect(mayContain(logsBloom, TRANSFER_TOPIC)).toBe(true);
  expect(mayContain(logsBloom, splitter)).toBe(false);
});

it('reads a Transfer of EIP-20 alone: not an ERC-721 one, nor one without a value', () => {
  const word = (address: string) => `0x${address.slice(2).padStart(64, '0')}`;
  const topics = [TRANSFER_TOPIC, word(ONE), word(TWO)];
  const data = toHex(5n, { size: 32 });
  expect(readTransferLog({ address: ONE, topics, data })).toMatchObject({ to: TWO, units: 5n });
  expect(readTransferLog({ address: ONE, topics: [...topics, word(ONE)], data: '0x' })).toBeNull();
  expect(readTransferLog({ address: ONE, topics, data: '0x' })).toBeNull();
});

it('says in words that a node does not answer, without its address', async () => {
  const { connectEvm } = await import('../../src/chains/evm/adapter.ts');
  const connecting = connectEvm('http://127.0.0.1:1/secret-token');
  await expect(connecting).rejects.toThrow(ChainUnavailable);
  await expect(connecting).rejects.not.toThrow(/secret-token/);
});

/** Deposits that come in odd ways: by contracts, from ourselves, and in tokens that keep a part. */
import { encodeFunctionData, parseAbi } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import { creditChainDeposit, openChainDeposit } from '../../src/chains/deposits.ts';
import { reconcileChain } from '../../src/chains/reconcile.ts';
import { compileContract } from '../../src/dev/chain/compile.ts';
import { deploy } from '../../src/dev/chain/token.ts';
import { createAsset } from '../../src/ledger/assets.ts';
import { type ChainWorld, createChainWorld } from './chainWorld.ts';
import { STRANGER } from './node.ts';

const ETH = 10n ** 18n;
const PAY_OUT = parseAbi(['function payOut(address to, uint256 value)']);
const LIE = parseAbi(['function lie(bool on)']);

let world: ChainWorld;
let splitter: string;
let token: string;

async function deployed(name: string): Promise<string> {
  const source = new URL(`./contracts/${name}.sol`, import.meta.url);
  const { bytecode } = compileContract(source, name);
  return (await deploy(world.rpcUrl, STRANGER, bytecode)).toLowerCase();
}

/** Reads on until the transaction's deposits are credited; answers their ordinals and amounts. */
async function credited(txid: string): Promise<[string, string][]> {
  await world.node.mine(5);
  await world.follow();
  await world.follow();
  const { rows } = await world.db.query(
    `select id::text, ordinal, amount_text(amount) as amount from chain_inclusions
     where txid = $1 order by id`,
    [txid],
  );
  for (const { id } of rows) {
    await openChainDeposit(world.db, id);
    expect(await creditChainDeposit(world.db, id)).toMatchObject({ groupStatus: 'SETTLED' });
  }
  return rows.map(({ ordinal, amount }) => [ordinal, amount]);
}

async function driftOf(asset: string): Promise<string | undefined> {
  const lines = await reconcileChain(world.db, world.port);
  return lines.find((line) => line.asset === asset)?.drift;
}

beforeAll(async () => {
  world = await createChainWorld();
  splitter = await deployed('Splitter');
  token = await deployed('FeeToken');
  const asset = { code: 'FEE', scale: 2, chain: world.port.chain, contract: token };
  await createAsset(world.db, { ...asset, confirmations: 1 });
  await world.follow();
});

describe('native coins', () => {
  it('that a contract pays out by an inner call are credited, once', async () => {
    await world.node.send({ to: splitter, wei: 2n * ETH });
    const address = await world.wallet('paid-out', 'ETH');
    const args = [address as `0x${string}`, ETH] as const;
    const data = encodeFunctionData({ abi: PAY_OUT, functionName: 'payOut', args });
    const { txid } = await world.node.send({ to: splitter, data });
    expect(await credited(txid)).toEqual([['native.0', '1']]);
    expect(await credited(txid)).toEqual([['native.0', '1']]);
    expect(await world.balance('paid-out')).toMatchObject({ available: '1' });
    expect(await driftOf('ETH')).toBe('0');
  });

  it('from one own address to another are a deposit there, and nothing else', async () => {
    const from = await world.wallet('self-from', 'ETH');
    const to = await world.wallet('self-to', 'ETH');
    await credited((await world.node.send({ to: from, wei: 5n * ETH })).txid);
    await world.node.rpc('anvil_impersonateAccount', from);
    const send = async (receiver: string) => {
      const call = { from, to: receiver, value: `0x${ETH.toString(16)}` };
      const txid = await world.node.rpc<string>('eth_sendTransaction', call);
      await world.node.mined();
      return txid;
    };
    expect(await credited(await send(to))).toEqual([['native', '1']]);
    expect(await world.balance('self-to')).toMatchObject({ available: '1' });
    // To itself nothing comes in.
    expect(await credited(await send(to.toUpperCase().replace('0X', '0x')))).toHaveLength(1);
    expect(await credited(await send(from))).toEqual([]);
    expect(await world.balance('self-from')).toMatchObject({ available: '5' });
  });
});

describe('a token that keeps a tenth of each transfer', () => {
  it('is credited with what arrives, which its logs say', async () => {
    const address = await world.wallet('fee', 'FEE');
    const { txid } = await world.node.sendToken(token, address, 1_000n);
    expect(await credited(txid)).toEqual([['0', '9']]);
    expect(await driftOf('FEE')).toBe('0');
  });

  it('is seen in the reconciliation where its logs say more than arrives', async () => {
    const address = await world.wallet('liar', 'FEE');
    const data = encodeFunctionData({ abi: LIE, functionName: 'lie', args: [true] });
    await world.node.send({ to: token, data });
    const { txid } = await world.node.sendToken(token, address, 1_000n);
    expect(await credited(txid)).toEqual([['0', '10']]);
    expect(await driftOf('FEE')).toBe('-1');
  });
});

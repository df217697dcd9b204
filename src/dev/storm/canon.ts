/**
 * What the canonical chain did, told by its own blocks and balances alone: nothing here asks the
 * service or its tables.
 */
import { decodeFunctionData, parseAbi } from 'viem';
import type { Asset } from './customers.ts';
import type { Storm } from './storm.ts';
import type { Contracts, Payout } from './strangers.ts';
import type { StormWorld } from './world.ts';

const TRANSFER = parseAbi(['function transfer(address to, uint256 value) returns (bool)']);
const PAYOUT = parseAbi([
  'function pay(address[] to, uint256[] units)',
  'function payToken(address token, address[] to, uint256[] units)',
]);

/** What an address of ours paid. */
export interface Payment extends Payout {
  from: string;
  txid: string;
  /** What the network took for the transaction, in wei. */
  gas: bigint;
}

export interface Canon {
  height: number;
  /** What strangers paid, each by one event. */
  payouts: Payout[];
  /** What the hot wallet paid. */
  payments: Payment[];
  /** What the hot wallet was to pay by transactions that failed. */
  failures: Payment[];
  /** What left our deposit addresses: nobody but the service has their keys. */
  collected: Payment[];
  /** What an address of ours paid for its transactions, in wei. */
  gas: ReadonlyMap<string, bigint>;
  /** Of that what the hot wallet paid for transactions of somebody else who has its key. */
  stolen: bigint;
}

interface Transaction {
  hash: string;
  from: string;
  to: string | null;
  value: string;
  input: `0x${string}`;
}

/** Reads every block from the first one on that the storm itself has to answer for. */
export async function readCanon({ world, customers, foreign }: Storm): Promise<Canon> {
  const { rpc, weather, strangers, contracts, hot, since } = world;
  const height = await weather.height();
  const payouts: Payout[] = [];
  const payments: Payment[] = [];
  const collected: Payment[] = [];
  const failures: Payment[] = [];
  let stolen = 0n;
  const gas = new Map([hot, ...customers.map(({ address }) => address)].map((each) => [each, 0n]));
  for (let at = since + 1; at <= height; at++) {
    const number = `0x${at.toString(16)}`;
    const block = await rpc<{ transactions: Transaction[] }>('eth_getBlockByNumber', number, true);
    for (const transaction of block.transactions) {
      const { hash, from } = transaction;
      const sent = strangers.sent.get(hash);
      const before = gas.get(from);
      if (!sent && before === undefined) continue;
      const receipt = await rpc<{ status: string; gasUsed: string; effectiveGasPrice: string }>(
        'eth_getTransactionReceipt',
        hash,
      );
      const isGood = receipt.status === '0x1';
      if (sent && isGood) payouts.push(...sent.payouts);
      if (before === undefined) continue;
      const fee = BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
      gas.set(from, before + fee);
      if (foreign.has(hash)) stolen += fee;
      const paid = paymentsOf(transaction, contracts, fee);
      if (isGood) (from === hot ? payments : collected).push(...paid);
      else if (from === hot) failures.push(...paid);
    }
  }
  return { height, payouts, payments, failures, collected, gas, stolen };
}

/** What an address has now, by the node's own word. */
export async function balanceOf(
  { rpc, contracts }: StormWorld,
  address: string,
  asset: Asset,
): Promise<bigint> {
  const data = `0x70a08231${address.slice(2).padStart(64, '0')}`;
  return BigInt(
    asset === 'ETH'
      ? await rpc<string>('eth_getBalance', address, 'latest')
      : await rpc<string>('eth_call', { to: contracts.usdx, data }, 'latest'),
  );
}

/** A transfer of nothing to itself is a cancellation and pays nobody; a batch pays several. */
function paymentsOf(
  { hash: txid, from, to, value, input }: Transaction,
  { usdx, payout }: Contracts,
  gas: bigint,
): Payment[] {
  if (to === from) return [];
  const paid = (asset: Asset, whom: string, units: bigint) => {
    return { txid, from, gas, to: whom.toLowerCase(), asset, units };
  };
  if (to === usdx) {
    const [receiver, units] = decodeFunctionData({ abi: TRANSFER, data: input }).args;
    return [paid('USDX', receiver, units)];
  }
  if (to !== payout) return [paid('ETH', to ?? '', BigInt(value))];
  const { functionName, args } = decodeFunctionData({ abi: PAYOUT, data: input });
  const [whom, units] = functionName === 'pay' ? args : [args[1], args[2]];
  const asset = functionName === 'pay' ? 'ETH' : 'USDX';
  return whom.map((each, at) => paid(asset, each, units[at] ?? 0n));
}

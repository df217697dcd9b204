/**
 * What the canonical chain did, told by its own blocks and balances alone: nothing here asks the
 * service or its tables.
 */
import { decodeFunctionData, parseAbi } from 'viem';
import type { Asset } from './customers.ts';
import type { Storm } from './storm.ts';
import type { Payout } from './strangers.ts';
import type { StormWorld } from './world.ts';

const TRANSFER = parseAbi(['function transfer(address to, uint256 value) returns (bool)']);

/** What an address of ours paid. */
export interface Payment extends Payout {
  from: string;
  txid: string;
  /** What the network took for it, in wei. */
  gas: bigint;
}

export interface Canon {
  height: number;
  /** What strangers paid, each by one event. */
  payouts: Payout[];
  /** What the hot wallet paid. */
  payments: Payment[];
  /** What left our deposit addresses: nobody but the service has their keys. */
  collected: Payment[];
  /** What an address of ours paid for its transactions, in wei. */
  gas: ReadonlyMap<string, bigint>;
}

interface Transaction {
  hash: string;
  from: string;
  to: string | null;
  value: string;
  input: `0x${string}`;
}

/** Reads every block from the first one on. */
export async function readCanon({ world, customers }: Storm): Promise<Canon> {
  const { rpc, weather, strangers, contracts, hot } = world;
  const height = await weather.height();
  const payouts: Payout[] = [];
  const payments: Payment[] = [];
  const collected: Payment[] = [];
  const gas = new Map([hot, ...customers.map(({ address }) => address)].map((each) => [each, 0n]));
  for (let at = 1; at <= height; at++) {
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
      const paid = isGood ? paymentOf(transaction, contracts.usdx, fee) : null;
      if (paid) (from === hot ? payments : collected).push(paid);
    }
  }
  return { height, payouts, payments, collected, gas };
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

/** A transfer of nothing to itself is a cancellation and pays nobody. */
function paymentOf(transaction: Transaction, usdx: string, gas: bigint): Payment | null {
  const { hash: txid, from, to, value, input } = transaction;
  if (to === from) return null;
  if (to !== usdx) return { txid, from, gas, to: to ?? '', asset: 'ETH', units: BigInt(value) };
  const [receiver, units] = decodeFunctionData({ abi: TRANSFER, data: input }).args;
  return { txid, from, gas, to: receiver.toLowerCase(), asset: 'USDX', units };
}

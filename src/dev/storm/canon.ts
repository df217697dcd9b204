/**
 * What the canonical chain did, told by its own blocks and balances alone: nothing here asks the
 * service or its tables.
 */
import { decodeFunctionData, parseAbi } from 'viem';
import type { Asset } from './customers.ts';
import type { Storm } from './storm.ts';
import type { Payout } from './strangers.ts';

const TRANSFER = parseAbi(['function transfer(address to, uint256 value) returns (bool)']);

export interface Canon {
  height: number;
  /** What strangers paid, each by one event. */
  payouts: Payout[];
  /** What the hot wallet paid. */
  payments: Payout[];
  /** What the hot wallet paid for its transactions, in wei. */
  gas: bigint;
  /** What an address has, by the node's own word. */
  balanceOf(address: string, asset: Asset): Promise<bigint>;
}

interface Transaction {
  hash: string;
  from: string;
  to: string | null;
  value: string;
  input: `0x${string}`;
}

/** Reads every block from the first one on. */
export async function readCanon({ world }: Storm): Promise<Canon> {
  const { rpc, weather, strangers, contracts, hot } = world;
  const height = await weather.height();
  const payouts: Payout[] = [];
  const payments: Payout[] = [];
  let gas = 0n;
  for (let at = 1; at <= height; at++) {
    const number = `0x${at.toString(16)}`;
    const block = await rpc<{ transactions: Transaction[] }>('eth_getBlockByNumber', number, true);
    for (const transaction of block.transactions) {
      const { hash, from } = transaction;
      const sent = strangers.sent.get(hash);
      if (!sent && from !== hot) continue;
      const receipt = await rpc<{ status: string; gasUsed: string; effectiveGasPrice: string }>(
        'eth_getTransactionReceipt',
        hash,
      );
      const isGood = receipt.status === '0x1';
      if (sent && isGood) payouts.push(...sent.payouts);
      if (from !== hot) continue;
      gas += BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice);
      const paid = isGood ? paymentOf(transaction, contracts.usdx, hot) : null;
      if (paid) payments.push(paid);
    }
  }
  const data = (address: string) => `0x70a08231${address.slice(2).padStart(64, '0')}`;
  return {
    height,
    payouts,
    payments,
    gas,
    balanceOf: async (address, asset) =>
      BigInt(
        asset === 'ETH'
          ? await rpc<string>('eth_getBalance', address, 'latest')
          : await rpc<string>('eth_call', { to: contracts.usdx, data: data(address) }, 'latest'),
      ),
  };
}

/** A transfer of nothing to itself is a cancellation and pays nobody. */
function paymentOf({ to, value, input }: Transaction, usdx: string, hot: string): Payout | null {
  if (to === hot) return null;
  if (to !== usdx) return { to: to ?? '', asset: 'ETH', units: BigInt(value) };
  const [receiver, units] = decodeFunctionData({ abi: TRANSFER, data: input }).args;
  return { to: receiver.toLowerCase(), asset: 'USDX', units };
}

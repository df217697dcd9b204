/** ERC-20 (EIP-20) as far as payments need it: the Transfer event and three calls. */
import { encodeFunctionData } from 'viem';

/** keccak256("Transfer(address,address,uint256)"). */
export const TRANSFER_TOPIC = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';

const ABI = [
  {
    type: 'function',
    name: 'transfer',
    stateMutability: 'nonpayable',
    inputs: [
      { name: 'to', type: 'address' },
      { name: 'value', type: 'uint256' },
    ],
    outputs: [{ type: 'bool' }],
  },
  {
    type: 'function',
    name: 'balanceOf',
    stateMutability: 'view',
    inputs: [{ name: 'owner', type: 'address' }],
    outputs: [{ type: 'uint256' }],
  },
  {
    type: 'function',
    name: 'decimals',
    stateMutability: 'view',
    inputs: [],
    outputs: [{ type: 'uint8' }],
  },
] as const;

/** Calldata of `transfer(to, units)`. */
export function transferCall(to: string, units: bigint): `0x${string}` {
  const args = [to as `0x${string}`, units] as const;
  return encodeFunctionData({ abi: ABI, functionName: 'transfer', args });
}

/** Calldata of `balanceOf(owner)`. */
export function balanceCall(owner: string): `0x${string}` {
  const args = [owner as `0x${string}`] as const;
  return encodeFunctionData({ abi: ABI, functionName: 'balanceOf', args });
}

/** Calldata of `decimals()`. */
export function decimalsCall(): `0x${string}` {
  return encodeFunctionData({ abi: ABI, functionName: 'decimals' });
}

export interface TransferLog {
  contract: string;
  from: string;
  to: string;
  units: bigint;
}

/**
 * A log as a Transfer, or null where it is something else: both addresses indexed and one word of
 * data, as EIP-20 has it. ERC-721 has the same topic and a fourth one, so it is not taken for
 * money.
 */
export function readTransferLog(log: {
  address: string;
  topics: readonly string[];
  data: string;
}): TransferLog | null {
  const [topic, from, to] = log.topics;
  if (topic !== TRANSFER_TOPIC || log.topics.length !== 3 || !from || !to) return null;
  if (!/^0x[0-9a-f]{64}$/i.test(log.data)) return null;
  return {
    contract: log.address.toLowerCase(),
    from: addressOfWord(from),
    to: addressOfWord(to),
    units: BigInt(log.data),
  };
}

/** The address in a topic of a log, lower case. */
export function addressOfWord(word: string): string {
  return `0x${word.slice(-40)}`.toLowerCase();
}

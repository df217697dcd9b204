/** The payout contract: several payments in one transaction. Its source is `Payout.sol`. */
import { encodeFunctionData, type Hex, keccak256 } from 'viem';
import type { Payment, PaymentPart } from '../port.ts';
import { addressOfWord } from './erc20.ts';
import type { Rpc } from './rpc.ts';

/**
 * keccak256 of the code that is trusted: whatever else stands at the address is not paid through.
 * What the contract says to have paid counts as proof, so it has to be this very code.
 */
export const PAYOUT_CODE_HASH =
  '0xdfe5ba7ef32a067a880b2a910751c9cd8462c9b3d6c4f2e00333b57f20a634a9';

/** keccak256("Paid(address,address,uint256)"). */
export const PAID_TOPIC = '0x9def4e2802183d68ce90a6a226a2962b59298616c27165f12c4fbc5c84cdd778';

const LISTS = [
  { name: 'to', type: 'address[]' },
  { name: 'units', type: 'uint256[]' },
] as const;

const ABI = [
  { type: 'function', name: 'pay', stateMutability: 'payable', inputs: LISTS, outputs: [] },
  {
    type: 'function',
    name: 'payToken',
    stateMutability: 'nonpayable',
    inputs: [{ name: 'token', type: 'address' }, ...LISTS],
    outputs: [],
  },
] as const;

/** Target, value and calldata of a payment in parts. */
export function payoutCall(payment: Payment, parts: readonly PaymentPart[]) {
  const { contract, destination, units } = payment;
  const payees = parts.map((part) => part.destination as Hex);
  const amounts = parts.map((part) => part.units);
  const data =
    contract === null
      ? encodeFunctionData({ abi: ABI, functionName: 'pay', args: [payees, amounts] })
      : encodeFunctionData({
          abi: ABI,
          functionName: 'payToken',
          args: [contract as Hex, payees, amounts],
        });
  return { to: destination as Hex, value: contract === null ? units : 0n, data };
}

/**
 * What the contract that a transaction called says to have paid on, in native coins. Only who has
 * signed that call knows whether that contract is to be believed.
 */
export function readPayouts(
  called: string | null,
  logs: readonly { address: string; topics: readonly string[]; data: string }[],
): PaymentPart[] {
  return logs.flatMap(({ address, topics: [topic, , to], data }) =>
    topic === PAID_TOPIC && to && address.toLowerCase() === called?.toLowerCase()
      ? [{ destination: addressOfWord(to), units: BigInt(data) }]
      : [],
  );
}

/** Why no payment goes through this address, in a sentence; null: it has the payout contract. */
export async function payoutFault(rpc: Rpc, address: string): Promise<string | null> {
  const code = await rpc<Hex>('eth_getCode', address, 'latest');
  if (code === '0x') return `There is no contract at ${address}.`;
  return keccak256(code) === PAYOUT_CODE_HASH
    ? null
    : `The contract at ${address} is not the payout contract of this version.`;
}

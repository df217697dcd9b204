import { decimalsCall } from './erc20.ts';
import { bigintOf } from './quantity.ts';
import { NodeRefused, type Rpc } from './rpc.ts';

/** Of every EVM chain's coin: a wei is 10^-18 (Ethereum yellow paper, section 2.1). */
const NATIVE_DECIMALS = 18;
/** `decimals` answers a uint8 (EIP-20, optional). */
const MOST_DECIMALS = 255n;

/** Implements `ChainPort.decimalsOf`. */
export async function decimalsOf(rpc: Rpc, contract: string | null): Promise<number | null> {
  if (contract === null) return NATIVE_DECIMALS;
  const call = { to: contract, data: decimalsCall() };
  const answer = await rpc<string>('eth_call', call, 'latest').catch((error: unknown) => {
    if (error instanceof NodeRefused) return '0x';
    throw error;
  });
  if (!/^0x[0-9a-f]{64}$/i.test(answer)) return null;
  const decimals = bigintOf(answer, 'decimals');
  return decimals > MOST_DECIMALS ? null : Number(decimals);
}

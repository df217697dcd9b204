/** The payout contract on a local chain: deployed, and approved by the hot wallet. */
import { readFileSync } from 'node:fs';
import { encodeFunctionData, getContractAddress, parseAbi } from 'viem';
import type { HDAccount } from 'viem/accounts';
import { connectRpc } from '../../chains/evm/rpc.ts';
import { developmentAccount, HOT_WALLET_PATH } from '../../withdrawals/developmentKeys.ts';
import { type Artifact, PAYOUT_ARTIFACT } from './artifact.ts';
import { DEPLOYER_PATH, deploy, receiptOf } from './token.ts';

const APPROVE = parseAbi(['function approve(address spender, uint256 value)']);
const APPROVAL_GAS = 100_000n;
/** A token that is paid out for years never gets there. */
const ALL_UNITS = 2n ** 256n - 1n;

/** Where `seedLocalChain` puts it: the second contract that the local chain's deployer makes. */
export function payoutAddress(mnemonic: string): string {
  const { address: from } = developmentAccount(mnemonic, DEPLOYER_PATH);
  return getContractAddress({ from, nonce: 1n });
}

/** Deploys it. Answers the contract's address (EIP-55). */
export function deployPayout(rpcUrl: string, mnemonic: string): Promise<string> {
  const { bytecode }: Artifact = JSON.parse(readFileSync(PAYOUT_ARTIFACT, 'utf8'));
  return deploy(rpcUrl, developmentAccount(mnemonic, DEPLOYER_PATH), bytecode);
}

/**
 * Lets the contract pay out a token of the hot wallet. It takes a nonce that no withdrawal has, so
 * it comes before the books begin.
 */
export async function approvePayout(
  rpcUrl: string,
  mnemonic: string,
  token: string,
  payout: string,
): Promise<void> {
  const hotWallet = developmentAccount(mnemonic, HOT_WALLET_PATH);
  const args = [payout as `0x${string}`, ALL_UNITS] as const;
  const data = encodeFunctionData({ abi: APPROVE, functionName: 'approve', args });
  await call(rpcUrl, hotWallet, token, data);
}

async function call(rpcUrl: string, sender: HDAccount, to: string, data: `0x${string}`) {
  const rpc = connectRpc(rpcUrl);
  const [chainId, nonce, price] = await Promise.all([
    rpc<string>('eth_chainId'),
    rpc<string>('eth_getTransactionCount', sender.address, 'pending'),
    rpc<string>('eth_gasPrice'),
  ]);
  const signed = await sender.signTransaction({
    type: 'eip1559',
    chainId: Number(chainId),
    nonce: Number(nonce),
    gas: APPROVAL_GAS,
    maxFeePerGas: BigInt(price) * 2n,
    maxPriorityFeePerGas: 1n,
    to: to as `0x${string}`,
    data,
  });
  await receiptOf(rpcUrl, await rpc<string>('eth_sendRawTransaction', signed));
}

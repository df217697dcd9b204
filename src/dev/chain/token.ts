/** Deploying to the local chain. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeDeployData, parseAbi } from 'viem';
import type { HDAccount } from 'viem/accounts';
import { connectRpc } from '../../chains/evm/rpc.ts';
import { developmentAccount } from '../../withdrawals/developmentKeys.ts';
import { type Artifact, USDX_ARTIFACT } from './artifact.ts';

/**
 * Deploys from the mnemonic's second account: the first one is the hot wallet, whose nonces belong
 * to the withdrawals.
 */
export const DEPLOYER_PATH = "m/44'/60'/0'/0/1";
const DEPLOYMENT_GAS = 2_000_000n;
const POLL_MS = 50;
/** A local chain mines every second. */
const DEPLOYMENT_TIMEOUT_MS = 30_000;
const CONSTRUCTOR = parseAbi([
  'constructor(address holder, uint256 units, address[] others, uint256 unitsOfEach)',
]);
/** A million for each account beside the hot wallet, so that there is somebody to pay deposits. */
const UNITS_OF_EACH = 1_000_000_000_000n;
/** anvil unlocks the mnemonic's first ten accounts. */
const UNLOCKED_ACCOUNTS = 10;

/** The accounts that anvil has unlocked, without the first, whose nonces belong to withdrawals. */
function otherAccounts(mnemonic: string): `0x${string}`[] {
  return Array.from(
    { length: UNLOCKED_ACCOUNTS - 1 },
    (_, index) => developmentAccount(mnemonic, `m/44'/60'/0'/0/${index + 1}`).address,
  );
}

/**
 * Deploys USDX with `units` at `holder`, and some at the other accounts of the mnemonic. Answers
 * the contract's address (EIP-55).
 */
export async function deployUsdx(
  rpcUrl: string,
  mnemonic: string,
  holder: string,
  units: bigint,
): Promise<string> {
  const { bytecode }: Artifact = JSON.parse(readFileSync(USDX_ARTIFACT, 'utf8'));
  const others = otherAccounts(mnemonic);
  const args = [holder as `0x${string}`, units, others, UNITS_OF_EACH] as const;
  const data = encodeDeployData({ abi: CONSTRUCTOR, bytecode, args });
  return deploy(rpcUrl, developmentAccount(mnemonic, DEPLOYER_PATH), data);
}

/** Deploys code and waits until it is in a block. Answers the contract's address (EIP-55). */
export async function deploy(
  rpcUrl: string,
  deployer: HDAccount,
  data: `0x${string}`,
): Promise<string> {
  const rpc = connectRpc(rpcUrl);
  const [chainId, nonce, price] = await Promise.all([
    rpc<string>('eth_chainId'),
    rpc<string>('eth_getTransactionCount', deployer.address, 'pending'),
    rpc<string>('eth_gasPrice'),
  ]);
  const signed = await deployer.signTransaction({
    type: 'eip1559',
    chainId: Number(chainId),
    nonce: Number(nonce),
    gas: DEPLOYMENT_GAS,
    maxFeePerGas: BigInt(price) * 2n,
    maxPriorityFeePerGas: 1n,
    data,
  });
  const txid = await rpc<string>('eth_sendRawTransaction', signed);
  return (await receiptOf(rpcUrl, txid)).contractAddress;
}

/** Waits until a transaction is in a block; throws where it failed, or no block has it. */
export async function receiptOf(
  rpcUrl: string,
  txid: string,
): Promise<{ status: string; contractAddress: string }> {
  const rpc = connectRpc(rpcUrl);
  const until = Date.now() + DEPLOYMENT_TIMEOUT_MS;
  while (Date.now() < until) {
    const receipt = await rpc<{ status: string; contractAddress: string } | null>(
      'eth_getTransactionReceipt',
      txid,
    );
    if (receipt?.status === '0x1') return receipt;
    if (receipt) throw new Error(`The transaction ${txid} was reverted.`);
    await sleep(POLL_MS);
  }
  throw new Error(`The transaction ${txid} is in no block after ${DEPLOYMENT_TIMEOUT_MS} ms.`);
}

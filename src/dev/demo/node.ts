/** The world outside of Holdfast: somebody with coins on the chain, and a look at any address. */
import { type Address, createPublicClient, createWalletClient, http, parseEther } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { sendTransaction } from 'viem/actions';
import { foundry } from 'viem/chains';
import { DemoFailure } from './client.ts';

export interface Node {
  /** Sends ETH from somebody outside of Holdfast; answers the transaction's hash. */
  sendFromOutside(to: string, amount: string): Promise<string>;
  /** ETH of an address on the chain, in wei. */
  weiOf(address: string): Promise<bigint>;
}

/**
 * An account that development nodes fund and nobody else here uses: account 0 is the hot wallet.
 */
const OUTSIDER_INDEX = 9;

/** @throws DemoFailure when the node is none for development: the demo moves money */
export async function connectNode(rpcUrl: string, mnemonic: string): Promise<Node> {
  const transport = http(rpcUrl);
  const node = createPublicClient({ chain: foundry, transport });
  const chainId = await node.getChainId();
  if (chainId !== foundry.id) {
    throw new DemoFailure(
      `It moves coins, so CHAIN_RPC_URL must name a development node (chain id ${foundry.id}),` +
        ` not one of chain id ${chainId}. Leave it unset for a local one.`,
    );
  }
  const account = mnemonicToAccount(mnemonic, { addressIndex: OUTSIDER_INDEX });
  const outsider = createWalletClient({ account, chain: foundry, transport });
  return {
    sendFromOutside: (to, amount) =>
      sendTransaction(outsider, { to: to as Address, value: parseEther(amount) }),
    weiOf: (address) => node.getBalance({ address: address as Address }),
  };
}

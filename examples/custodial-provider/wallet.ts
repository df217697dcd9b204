/** The provider's key: pays native coins of 18 decimals, one after the other. */
import { createPublicClient, createWalletClient, http, parseEther } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import type { Order } from './book.ts';

/** Answers how to pay from the address of index 7 of the words. */
export function walletOf({ mnemonic, rpcUrl }: { mnemonic: string; rpcUrl: string }) {
  const account = mnemonicToAccount(mnemonic, { addressIndex: 7 });
  const transport = http(rpcUrl);
  const wallet = createWalletClient({ account, transport });
  const node = createPublicClient({ transport });
  let last: Promise<unknown> = Promise.resolve();
  const send = async ({ destination, amount }: Order): Promise<string> => {
    const request = await wallet.prepareTransactionRequest({
      chain: null,
      chainId: await node.getChainId(),
      to: destination as `0x${string}`,
      value: parseEther(amount),
    });
    const bytes = await wallet.signTransaction(request as never);
    return wallet.sendRawTransaction({ serializedTransaction: bytes });
  };
  return (order: Order): Promise<string> => {
    const paid = last.then(() => send(order));
    last = paid.catch(() => {});
    return paid;
  };
}

/** Customers with a wallet and a deposit address each, and a stranger who pays to them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { handOutAddress } from '../src/chains/depositAddresses.ts';
import { transferCall } from '../src/chains/evm/erc20.ts';
import { connectRpc } from '../src/chains/evm/rpc.ts';
import { MNEMONIC } from '../src/dev/storm/keys.ts';
import { createWallet } from '../src/ledger/wallets.ts';
import { depositXpub } from '../src/withdrawals/developmentKeys.ts';
import { type ChainStack, STRANGER } from './chainStack.ts';
import { timeEach } from './serviceClient.ts';

/** As `seedLocalChain` has it. */
export const CONFIRMATIONS = 3;
/** Payments that a block of anvil has room for; more at once and it forgets some. */
const A_BLOCK = 1_000;
/**
 * The watcher has a block with tokens traced, and anvil runs all before a transaction anew to trace
 * it: 600 in a block keep it from answering for longer than anybody waits.
 */
const TOKENS_A_BLOCK = 100;
/** More than a transfer of the token takes; estimating each would take the node as long again. */
const TOKEN_GAS = 100_000;
const CALLERS = 20;
const LOOK_MS = 100;
/** For a block or three of them; anvil loses a payment now and then. */
const PATIENCE_MS = 60_000;

/** A thousandth of an ETH. */
export const DEPOSIT: Payment = { contract: null, units: 1_000_000_000_000_000n };

/** A wallet of the asset and an address each. */
export async function customers(
  { db }: ChainStack,
  asset: string,
  count: number,
): Promise<string[]> {
  const xpub = depositXpub(MNEMONIC);
  const addresses: string[] = [];
  const ids = Array.from({ length: count }, (_, at) => `customer-${at}`);
  await timeEach(ids, CALLERS, async (id) => {
    await createWallet(db, { id, owner: id, asset });
    const { address } = await handOutAddress(db, xpub, { wallet: id, fresh: false });
    addresses.push(address.address);
  });
  return addresses;
}

/** What each is paid, in base units: of a token, or without a contract of the coin itself. */
export interface Payment {
  contract: string | null;
  units: bigint;
}

/** Resolves when the last payment has its confirmations. */
export async function payEach(
  { rpcUrl }: ChainStack,
  addresses: string[],
  { contract, units }: Payment,
): Promise<void> {
  const rpc = connectRpc(rpcUrl);
  const mined = async () => Number(await rpc('eth_getTransactionCount', STRANGER, 'latest'));
  const nonce = await mined();
  const until = async (isTrue: () => Promise<boolean>) => {
    const patience = Date.now() + PATIENCE_MS;
    while (!(await isTrue())) {
      if (Date.now() > patience) throw new Error(`The node has lost a payment: ${await mined()}.`);
      await sleep(LOOK_MS);
    }
  };
  const payments = addresses.map((to, at) => ({
    from: STRANGER,
    nonce: hex(nonce + at),
    ...(contract === null
      ? { to, value: hex(units) }
      : { to: contract, data: transferCall(to, units), gas: hex(TOKEN_GAS) }),
  }));
  const most = contract === null ? A_BLOCK : TOKENS_A_BLOCK;
  for (let sent = 0; sent < payments.length; sent += most) {
    const some = payments.slice(sent, sent + most);
    // One after the other: anvil loses one now and then that comes beside others.
    for (const payment of some) await rpc('eth_sendTransaction', payment);
    await until(async () => (await mined()) === nonce + sent + some.length);
  }
  const last = Number(await rpc('eth_blockNumber'));
  await until(async () => Number(await rpc('eth_blockNumber')) >= last + CONFIRMATIONS - 1);
}

const hex = (value: number | bigint) => `0x${value.toString(16)}`;

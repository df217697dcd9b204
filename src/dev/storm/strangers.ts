/** People outside: they pay into deposit addresses, send again, and spend twice. */
import { encodeFunctionData, keccak256, parseAbi } from 'viem';
import { type HDAccount, mnemonicToAccount } from 'viem/accounts';
import type { Rpc } from '../../chains/evm/rpc.ts';

/** What one transaction pays where, if a block takes it and it succeeds. */
export interface Payout {
  to: string;
  asset: 'ETH' | 'USDX';
  units: bigint;
}

export interface Sent {
  txid: string;
  /** Signed bytes, to send again after a reorganisation. */
  raw: string;
  sender: string;
  nonce: number;
  payouts: Payout[];
}

export interface Contracts {
  usdx: string;
  /** `src/dev/chain/contracts/Payout.sol`: pays several withdrawals at once. */
  payout: string;
  /** `test/chains/contracts/Splitter.sol`: pays by inner calls and several logs at once. */
  splitter: string;
}

export interface Strangers {
  addresses: string[];
  /** All that was ever signed, by transaction id. */
  sent: Map<string, Sent>;
  /** Pays native coins or tokens. `again`: in the place of that transaction, on its nonce. */
  pay(by: number, to: string, payout: Pick<Payout, 'asset' | 'units'>, again?: Sent): Promise<Sent>;
  /** Signs another payment on the nonce of that transaction, and sends it nowhere. */
  sign(to: string, payout: Pick<Payout, 'asset' | 'units'>, again: Sent): Promise<Sent>;
  /** Tokens to two addresses in one transaction. */
  split(by: number, one: string, two: string, units: bigint): Promise<Sent>;
  /** Native coins by two inner calls, beside one that fails. */
  payThrice(by: number, to: string, wei: bigint): Promise<Sent>;
  /** An event that looks like a payment, and a transaction that is reverted: neither pays. */
  forge(by: number, to: string, units: bigint): Promise<Sent>;
  fail(by: number, to: string, wei: bigint): Promise<Sent>;
  /** The same bytes once more; false where the node does not want them. */
  resend(sent: Sent): Promise<boolean>;
}

const FIRST = 5;
const COUNT = 4;
const GAS = 400_000n;
/** Far above what anvil asks for: its price falls with empty blocks. */
const MAX_FEE = 100_000_000_000n;
const FIRST_TIP = 1_000_000_000n;

const ABI = parseAbi([
  'function transfer(address to, uint256 value) returns (bool)',
  'function split(address token, address one, address two, uint256 value)',
  'function payThrice(address to, uint256 value)',
  'function payAndFail(address to, uint256 value)',
  'function forge(address to, uint256 value)',
]);
type Hex = `0x${string}`;

interface Call {
  to: string;
  value?: bigint;
  data?: Hex;
}

/** Accounts that anvil funds, but for the hot wallet and the deployer. */
export function createStrangers(rpc: Rpc, mnemonic: string, contracts: Contracts): Strangers {
  const accounts: HDAccount[] = Array.from({ length: COUNT }, (_, at) =>
    mnemonicToAccount(mnemonic, { path: `m/44'/60'/0'/0/${FIRST + at}` }),
  );
  const sent = new Map<string, Sent>();
  // Each tip is above all earlier ones, so that the node takes a replacement whatever it replaces.
  let tip = FIRST_TIP;
  const nextNonce = async (sender: string) => {
    const next = await rpc<string>('eth_getTransactionCount', sender, 'pending');
    return Number(next);
  };
  const sign = async (account: HDAccount, call: Call, payouts: Payout[], again?: Sent) => {
    const sender = account.address.toLowerCase();
    const nonce = again?.nonce ?? (await nextNonce(sender));
    tip += 1_000n;
    const raw = await account.signTransaction({
      type: 'eip1559',
      chainId: Number(await rpc('eth_chainId')),
      nonce,
      gas: GAS,
      maxFeePerGas: MAX_FEE + tip,
      maxPriorityFeePerGas: tip,
      to: call.to as Hex,
      value: call.value ?? 0n,
      ...(call.data && { data: call.data }),
    });
    const made: Sent = { txid: keccak256(raw), raw, sender, nonce, payouts };
    sent.set(made.txid, made);
    return made;
  };
  const send = async (by: number, asked: Call, payouts: Payout[], again?: Sent) => {
    const made = await sign(accounts[by % COUNT] as HDAccount, asked, payouts, again);
    await rpc('eth_sendRawTransaction', made.raw);
    return made;
  };
  const { usdx, splitter } = contracts;
  const call = (functionName: string, args: unknown[]) =>
    encodeFunctionData({ abi: ABI, functionName, args } as never) as Hex;
  const paymentOf = (to: string, { asset, units }: Pick<Payout, 'asset' | 'units'>) =>
    asset === 'ETH' ? { to, value: units } : { to: usdx, data: call('transfer', [to, units]) };
  return {
    addresses: accounts.map(({ address }) => address.toLowerCase()),
    sent,
    pay: (by, to, payout, again) => send(by, paymentOf(to, payout), [{ to, ...payout }], again),
    async sign(to, payout, again) {
      const account = accounts.find(({ address }) => address.toLowerCase() === again.sender);
      return sign(account as HDAccount, paymentOf(to, payout), [{ to, ...payout }], again);
    },
    split: (by, one, two, units) =>
      send(by, { to: splitter, data: call('split', [usdx, one, two, units]) }, [
        { to: one, asset: 'USDX', units },
        { to: two, asset: 'USDX', units },
      ]),
    payThrice: (by, to, wei) =>
      send(by, { to: splitter, data: call('payThrice', [to, wei]) }, [
        { to, asset: 'ETH', units: wei + 1n },
        { to, asset: 'ETH', units: wei + 2n },
      ]),
    forge: (by, to, units) => send(by, { to: splitter, data: call('forge', [to, units]) }, []),
    fail: (by, to, wei) => send(by, { to: splitter, data: call('payAndFail', [to, wei]) }, []),
    resend: ({ raw }) =>
      rpc('eth_sendRawTransaction', raw).then(
        () => true,
        () => false,
      ),
  };
}

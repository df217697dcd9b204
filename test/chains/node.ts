/** A local chain in a test's hands: blocks, coins, reorganisations. */
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFunctionData, parseAbi } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { connectRpc, type Rpc } from '../../src/chains/evm/rpc.ts';

/** The public mnemonic that anvil funds; its first account is the hot wallet. */
export const MNEMONIC = 'test test test test test test test test test test test junk';

/** A funded stranger: pays gas, sends deposits. */
export const STRANGER = mnemonicToAccount(MNEMONIC, { path: "m/44'/60'/0'/0/5" });

const TOKEN = parseAbi(['function transfer(address to, uint256 value) returns (bool)']);
const GAS = 300_000n;

export interface Sent {
  txid: string;
  /** Signed bytes, to send again after a reorganisation. */
  raw: string;
}

export interface Node {
  rpc: Rpc;
  /** Mines so many empty blocks (and what waits, in the first). */
  mine(blocks?: number): Promise<void>;
  height(): Promise<number>;
  /** From the stranger's account; where mining is automatic, it is in a block then. */
  send(call: { to: string; wei?: bigint; data?: `0x${string}` }): Promise<Sent>;
  /** Signed bytes once more, likewise. */
  resend(raw: string): Promise<string>;
  /** Where mining is automatic: until nothing waits for a block any more. */
  mined(): Promise<void>;
  /** Units of a token from the stranger, who needs to have them. */
  sendToken(contract: string, to: string, units: bigint): Promise<Sent>;
  /** Replaces the last blocks by as many others, empty but for what is given by block. */
  reorg(depth: number, blocks?: { raw: string; at: number }[]): Promise<void>;
  /** Drops the last blocks; the head goes down. */
  rollback(depth: number): Promise<void>;
  automine(on: boolean): Promise<void>;
  /** As if somebody had sent from an address before, which makes it no new account. */
  markUsed(address: string): Promise<void>;
}

export function openNode(rpcUrl: string): Node {
  const rpc = connectRpc(rpcUrl);
  let nextNonce: number | null = null;
  let isAutomatic = true;
  // anvil answers before the block is there, and on a busy machine long before.
  const mined = async () => {
    while (isAutomatic) {
      const { pending } = await rpc<{ pending: string }>('txpool_status');
      if (Number(pending) === 0) return;
      await sleep(5);
    }
  };
  const resend = async (raw: string) => {
    const txid = await rpc<string>('eth_sendRawTransaction', raw);
    await mined();
    return txid;
  };
  const send: Node['send'] = async ({ to, wei = 0n, data }) => {
    nextNonce ??= Number(await rpc('eth_getTransactionCount', STRANGER.address, 'pending'));
    const raw = await STRANGER.signTransaction({
      type: 'eip1559',
      chainId: Number(await rpc('eth_chainId')),
      nonce: nextNonce++,
      gas: GAS,
      maxFeePerGas: 100_000_000_000n,
      maxPriorityFeePerGas: 1n,
      to: to as `0x${string}`,
      value: wei,
      ...(data && { data }),
    });
    return { txid: await resend(raw), raw };
  };
  return {
    rpc,
    send,
    resend,
    mined,
    mine: (blocks = 1) => rpc('anvil_mine', `0x${blocks.toString(16)}`),
    height: async () => Number(await rpc('eth_blockNumber')),
    sendToken: (contract, to, units) => {
      const args = [to as `0x${string}`, units] as const;
      const data = encodeFunctionData({ abi: TOKEN, functionName: 'transfer', args });
      return send({ to: contract, data });
    },
    reorg: async (depth, blocks = []) => {
      await rpc(
        'anvil_reorg',
        depth,
        blocks.map(({ raw, at }) => [raw, at]),
      );
      nextNonce = null;
    },
    rollback: async (depth) => {
      await rpc('anvil_rollback', depth);
      nextNonce = null;
    },
    markUsed: async (address) => {
      await rpc('anvil_setNonce', address, '0x1');
    },
    automine: async (on) => {
      await rpc('evm_setAutomine', on);
      isAutomatic = on;
    },
  };
}

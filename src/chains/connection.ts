/**
 * One connection to a chain for a whole process, made when it is first needed: a node that is away
 * while the process starts must not keep it from serving everything else.
 */
import { connectEvm, type EvmOptions } from './evm/adapter.ts';
import type { ChainPort } from './port.ts';

/** Answers the port; throws `ChainUnavailable` while the node does not answer. */
export type ChainConnection = () => Promise<ChainPort>;

/** The chain behind a JSON-RPC address. Connects at the first call, and again until it worked. */
export function connectChain(rpcUrl: string, options: EvmOptions = {}): ChainConnection {
  let connecting: Promise<ChainPort> | null = null;
  return async () => {
    connecting ??= connectEvm(rpcUrl, options);
    try {
      return await connecting;
    } catch (error) {
      connecting = null;
      throw error;
    }
  };
}

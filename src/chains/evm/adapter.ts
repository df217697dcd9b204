/** The EVM behind the chain port. */
import { ChainUnavailable } from '../../contracts/chain.ts';
import type { ChainPort } from '../port.ts';
import { balancesOf } from './balances.ts';
import { readByHash, readByHeight, readFinality, readHead } from './blocks.ts';
import { decimalsOf } from './decimals.ts';
import { eventsOf } from './events.ts';
import { payoutFault } from './payouts.ts';
import { publishingFeeOf } from './publishing.ts';
import { countOf } from './quantity.ts';
import { feeQuote } from './quotes.ts';
import { replacementQuote } from './replacement.ts';
import { connectRpc } from './rpc.ts';
import { spentBy } from './spending.ts';
import { probeTraces, type TraceMode } from './traces.ts';
import {
  balanceOf,
  broadcast,
  draft,
  nextSequence,
  pendingSequence,
  transactionStatus,
} from './transactions.ts';

const BLIND_SPOTS: Record<TraceMode, readonly string[]> = {
  debug: [],
  trace: [],
  none: [
    'Native coins that a contract pays out by an inner call are not seen (traces: none); ' +
      'plain transfers and token transfers are.',
  ],
};

export interface EvmOptions {
  /** How inner calls are looked into; left out: the node is asked what it offers. */
  traces?: TraceMode | undefined;
}

/**
 * Connects to a node and reads which chain it is on.
 *
 * @param rpcUrl JSON-RPC over HTTP
 * @throws `ChainUnavailable` when it does not answer
 */
export async function connectEvm(rpcUrl: string, options: EvmOptions = {}): Promise<ChainPort> {
  const rpc = connectRpc(rpcUrl);
  const chainId = countOf(await rpc('eth_chainId'), 'chain id');
  const traces = options.traces ?? (await probeTraces(rpc));
  const market = { rpc, chainId, publishingFee: publishingFeeOf(rpc) };
  return {
    chain: `eip155:${chainId}`,
    blindSpots: BLIND_SPOTS[traces],
    async genesisHash() {
      const genesis = await readByHeight(rpc, 0);
      if (genesis === null) throw new ChainUnavailable('The node has no block 0.');
      return genesis.hash;
    },
    head: () => readHead(rpc),
    finality: () => readFinality(rpc),
    blockByHeight: (height) => readByHeight(rpc, height),
    blockByHash: (hash) => readByHash(rpc, hash),
    eventsOf: (block, watch) => eventsOf(rpc, traces, block, watch),
    transactionStatus: (txid) => transactionStatus(rpc, txid),
    decimalsOf: (contract) => decimalsOf(rpc, contract),
    balanceOf: (...asked) => balanceOf(rpc, ...asked),
    balancesOf: (...asked) => balancesOf(rpc, ...asked),
    nextSequence: (sender, height) => nextSequence(rpc, sender, height),
    pendingSequence: (sender) => pendingSequence(rpc, sender),
    spentBy: (...asked) => spentBy(rpc, ...asked),
    feeQuote: (payment) => feeQuote(market, payment),
    payoutFault: (address) => payoutFault(rpc, address),
    replacementQuote: (...asked) => replacementQuote(market, ...asked),
    draft: (payment, terms, sequence) => draft(chainId, payment, terms, sequence),
    broadcast: (signedBytes) => broadcast(rpc, signedBytes),
  };
}

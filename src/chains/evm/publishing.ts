/**
 * What a rollup charges for publishing a transaction on the chain below it, beside the gas. The
 * chain tells it itself, by a contract at a place of its own; where there is none, as on Arbitrum,
 * it is in the gas.
 */
import { encodeFunctionData, type Hex, parseAbi } from 'viem';
import { bigintOf } from './quantity.ts';
import { FAILED_CALL, NodeRefused, type Rpc } from './rpc.ts';

/**
 * `GasPriceOracle` of the OP Stack (https://specs.optimism.io/protocol/predeploys.html) and
 * `L1GasPriceOracle` of Scroll (https://docs.scroll.io/en/developers/l1-and-l2-bridging). Nobody
 * can put code there on other chains: no key and no factory leads to such addresses.
 */
const ORACLES = [
  '0x420000000000000000000000000000000000000f',
  '0x5300000000000000000000000000000000000002',
] as const;
const ABI = parseAbi(['function getL1Fee(bytes data) view returns (uint256)']);
/** As the base fee's: six full blocks of the chain below double its price. */
const RISE_FACTOR = 2n;
/** A word of 32 bytes, as a number is answered. */
const NUMBER = /^0x[0-9a-f]{64}$/i;

/** Answers the most that publishing these unsigned bytes will cost their sender, in wei. */
export type PublishingFee = (sender: string, unsignedBytes: string) => Promise<bigint>;

/** Looks for the chain's contract at the first question, and remembers what it found. */
export function publishingFeeOf(rpc: Rpc): PublishingFee {
  let oracle: Promise<string | null> | undefined;
  return async (sender, unsignedBytes) => {
    oracle ??= findOracle(rpc, sender).catch((error: unknown) => {
      oracle = undefined;
      throw error;
    });
    const found = await oracle;
    if (found === null) return 0n;
    const fee = await ask(rpc, found, sender, unsignedBytes);
    return bigintOf(fee, 'fee of the chain below') * RISE_FACTOR;
  };
}

async function findOracle(rpc: Rpc, sender: string): Promise<string | null> {
  for (const address of ORACLES) {
    if ((await rpc<Hex>('eth_getCode', address, 'latest')) === '0x') continue;
    if (NUMBER.test(await ask(rpc, address, sender, '0x').catch(wordsOfFailure))) return address;
  }
  return null;
}

/** A contract that fails at this is somebody else's; of a node that fails nothing is concluded. */
function wordsOfFailure(error: unknown): string {
  if (error instanceof NodeRefused && FAILED_CALL.test(error.words)) return error.words;
  throw error;
}

function ask(rpc: Rpc, to: string, from: string, bytes: string): Promise<string> {
  const data = encodeFunctionData({ abi: ABI, functionName: 'getL1Fee', args: [bytes as Hex] });
  return rpc<string>('eth_call', { from, to, data }, 'latest');
}

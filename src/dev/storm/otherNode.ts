/**
 * Another node behind the one address that the service has, as behind a provider's: it lags, or is
 * on a fork of its own. What it says above their last common block is nobody's truth in the end.
 */

import { connectRpc, type Rpc } from '../../chains/evm/rpc.ts';
import type { FaultProxy } from '../../chains/faults/proxy.ts';
import type { SetFault } from '../../chains/faults/schedule.ts';
import type { FaultInput } from '../../chains/faults/script.ts';
import { type Anvil, startAnvil } from '../stack/anvil.ts';
import type { Operation } from './chainOperations.ts';
import { MNEMONIC } from './keys.ts';
import { count, type Storm } from './storm.ts';
import type { Sent } from './strangers.ts';
import { EPOCH_SLOTS, WINDOW } from './weather.ts';

/** Its place among the proxy's nodes. */
const PLACE = 1;
/** Deepest fork: below it both nodes would soon call different blocks final. */
const MOST_PARTED = 5;
const SEND = ['eth_sendRawTransaction'];
const READS = ['eth_getLogs', 'eth_getBlockReceipts', 'eth_getTransactionReceipt'];

/** Which calls it answers: all of a while, half of them, or some kinds. */
const TURNS: readonly Omit<Extract<FaultInput, { kind: 'upstream' }>, 'kind' | 'upstream'>[] = [
  { times: 15 },
  { times: 50 },
  { chance: 0.5, times: 60 },
  { methods: READS, times: 4 },
  { methods: [...SEND, 'eth_getTransactionCount'], times: 4 },
];

export interface OtherNode {
  /** Leaves the first node's chain after that height. It has mined nothing of its own then. */
  forkAt(height: number): Promise<void>;
  /** A block of its own, with these transactions as far as it wants them. */
  mine(raws: readonly string[]): Promise<void>;
  /** From here on it answers the calls that are meant. */
  answer(turn: (typeof TURNS)[number]): void;
  /** Before the first node's chain changes: it must not contradict what that one calls final. */
  beforeChange(keeps: number, highest: number): void;
  stop(): Promise<void>;
}

/** In two seeds of five. */
export function hasOtherNode(seed: number): boolean {
  return seed % 5 === 0 || seed % 5 === 2;
}

/**
 * Starts it, silent for the time being.
 *
 * @param upstreams the proxy's nodes; it becomes the second one
 */
export async function startOtherNode(
  first: string,
  logFile: string,
  upstreams: string[],
  proxy: () => FaultProxy,
): Promise<OtherNode> {
  const anvil: Anvil = await startAnvil({
    stateFile: null,
    logFile,
    mnemonic: MNEMONIC,
    blockTimeSeconds: null,
    epochSlots: EPOCH_SLOTS,
    forkOf: first,
  });
  upstreams[PLACE] = anvil.rpcUrl;
  const rpc: Rpc = connectRpc(anvil.rpcUrl);
  let common = 0;
  let answering: SetFault | null = null;
  const leave = () => {
    answering?.lift();
    answering = null;
  };
  return {
    async forkAt(height) {
      leave();
      await rpc('anvil_reset', { forking: { jsonRpcUrl: first, blockNumber: height } });
      common = height;
    },
    async mine(raws) {
      // Some need others before them, and some are on nonces that its chain has used.
      for (const raw of raws) await rpc('eth_sendRawTransaction', raw).catch(() => {});
      await rpc('anvil_mine', '0x1');
    },
    answer(turn) {
      answering = proxy().add({ kind: 'upstream', upstream: PLACE, ...turn });
    },
    beforeChange(keeps, highest) {
      // It reads older blocks from the first node, and both tell what is final.
      if (keeps < common || highest - WINDOW > common) leave();
    },
    stop: () => anvil.stop(),
  };
}

/** The other node takes over for some calls: behind, beside, or ahead of the first one. */
export const askOtherNode: Operation = async (storm) => {
  const { other, gate, weather, dice } = storm.world;
  if (other === null) return 'there is one node';
  const room = Math.min(await weather.room(), MOST_PARTED);
  if (room === 0) return 'all blocks are final';
  const depth = 1 + dice.roll(room);
  const head = await weather.height();
  const ahead = dice.pick([-depth, -1, 0, 1, 2]);
  const raws = await itsTransactions(storm, depth);
  await gate.alone(async () => {
    await other.forkAt(head - depth);
    for (let left = depth + ahead; left > 0; left--) {
      await other.mine(raws.splice(0, Math.ceil(raws.length / left)));
    }
  });
  weather.sawHeight(head + ahead);
  const turn = dice.pick(TURNS);
  other.answer(turn);
  count(storm, 'other forks');
  return `${depth} blocks parted, ${ahead} ahead, for ${JSON.stringify(turn)}`;
};

/** Some of what the first node has in its last blocks, or another payment in the place of one. */
async function itsTransactions(storm: Storm, depth: number): Promise<string[]> {
  const { weather, dice, strangers, rpc } = storm.world;
  const percent = dice.pick([0, 50, 100]);
  const raws: string[] = [];
  for (const { txid } of await weather.lastMined(depth)) {
    const sent = strangers.sent.get(txid);
    if (sent && dice.isLucky(30)) raws.push((await instead(storm, sent)).raw);
    else if (dice.isLucky(percent)) raws.push(await rpc('eth_getRawTransactionByHash', txid));
  }
  return raws;
}

/** A payment on the same nonce that the first node never hears of by itself. */
async function instead(storm: Storm, sent: Sent): Promise<Sent> {
  const { dice, strangers } = storm.world;
  const { address } = dice.pick(storm.customers);
  const units = 10n ** 18n + BigInt(dice.roll(1_000));
  return strangers.sign(address, { asset: 'ETH', units }, sent);
}
